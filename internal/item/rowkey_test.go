package item

import (
	"bytes"
	"testing"
)

// The parts of a key share memory: what is appended to one is not written into the other, nor into the item.
func TestPartsOfAKeyDoNotRunIntoEachOther(t *testing.T) {
	t.Parallel()
	values := map[Kind]string{S: `{"S":"par"}`, N: `{"N":"12"}`, B: `{"B":"cGFy"}`}
	want := map[Kind]string{S: "Spar", N: "N12", B: "Bpar"}
	for hash, pk := range values {
		for sort, sk := range values {
			s := KeySchema{Hash: KeyPart{"pk", hash}, Sort: KeyPart{"sk", sort}}
			m := mustMap(t, `{"pk":`+pk+`,"sk":`+sk+`,"v":{"S":"kept"}}`)
			was := m.AppendJSON(nil)
			k, err := (&Table{Keys: s}).CheckItem(m)
			if err != nil {
				t.Fatal(err)
			}
			if other := SortBytes(m.Get("sk")); string(k.PK) != want[hash] || !bytes.Equal(k.SK, other) {
				t.Errorf("%s and %s: the key is %q and %q", hash, sort, k.PK, k.SK)
			}
			sorted := bytes.Clone(k.SK)
			_ = append(k.PK, '!')
			if !bytes.Equal(k.SK, sorted) {
				t.Errorf("%s and %s: what is appended to the partition key is in the sort key, %q", hash, sort, k.SK)
			}
			_ = append(k.SK, '!')
			if string(k.PK) != want[hash] || !bytes.Equal(m.AppendJSON(nil), was) {
				t.Errorf("%s and %s: what is appended to the sort key is elsewhere", hash, sort)
			}
		}
	}
}
