package tabledata

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
)

// readObject reads an object to its end, and returns how many items and refused records there are.
func readObject(t testing.TB, content []byte, f Format) (items []item.Map, refused int) {
	t.Helper()
	r := NewReader(bytes.NewReader(content), f, map[string]item.Kind{"pk": item.S, "n": item.N, "b": item.B})
	defer r.Close()
	for {
		m, err := r.Next()
		var bad *RecordError
		switch {
		case errors.Is(err, io.EOF):
			return items, refused
		case errors.As(err, &bad):
			if refused++; bad.Last {
				return items, refused
			}
		case err != nil:
			t.Fatalf("an error of nobody: %v", err)
		default:
			items = append(items, m)
		}
	}
}

func TestKeysInCSV(t *testing.T) {
	t.Parallel()
	f := Format{Kind: api.InputFormatCsv, Delimiter: ','}
	items, refused := readObject(t, []byte("\ufeffpk,n,b,v\nx,012.50,AQI=,7\ny,seven,AQI=,7\nz,1,?,7\n"), f)
	if refused != 2 || len(items) != 1 {
		t.Fatalf("%d refused, %d items", refused, len(items))
	}
	if got := string(items[0].AppendJSON(nil)); got != `{"pk":{"S":"x"},"n":{"N":"12.5"},"b":{"B":"AQI="},"v":{"S":"7"}}` {
		t.Error(got)
	}
}

// A small zstd frame asks for no more memory than an object may have, and what it says of its size is not believed.
func TestZstdIsBounded(t *testing.T) {
	t.Parallel()
	z, err := zstd.NewWriter(nil, zstd.WithWindowSize(64<<20), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	f := Format{Kind: api.InputFormatDynamodbJson, Compression: api.InputCompressionTypeZstd}
	good := []byte(`{"Item":{"pk":{"S":"x"}}}`)
	if items, refused := readObject(t, z.EncodeAll(append(bytes.Repeat([]byte(" "), 80<<20), good...), nil), f); refused != 1 || len(items) != 0 {
		t.Errorf("a window of 64 MB: %d refused, %d items", refused, len(items))
	}
	small, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if items, refused := readObject(t, small.EncodeAll(good, nil), f); refused != 0 || len(items) != 1 {
		t.Errorf("%d refused, %d items", refused, len(items))
	}
}

// FuzzImport reads anything as any format: it ends, what it gives are items that can be stored, and reading again gives the same.
func FuzzImport(f *testing.F) {
	f.Add([]byte(`{"Item":{"pk":{"S":"x"},"l":{"L":[{"N":"1"},{"M":{}}]}}}{"Item":{}}`), false, byte(0))
	f.Add([]byte("pk,n,b\nx,1,AQ==\n\"a\"\"b\",2,\n"), true, byte(0))
	f.Add([]byte("\x1f\x8b\x08\x00"), false, byte(1))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04\x00"), true, byte(2))
	f.Fuzz(func(t *testing.T, content []byte, asCSV bool, compression byte) {
		form := Format{Kind: api.InputFormatDynamodbJson, Delimiter: ','}
		if asCSV {
			form.Kind = api.InputFormatCsv
		}
		form.Compression = []api.InputCompressionType{"NONE", "GZIP", "ZSTD"}[int(compression)%3]
		items, refused := readObject(t, content, form)
		for _, x := range items {
			if x.Err() != nil {
				continue // told to who imports it
			}
			back, err := item.Load(x.Stored())
			if err != nil {
				t.Fatal(err)
			}
			line := AppendItem(nil, back)
			again, bad := readObject(t, line, Format{Kind: api.InputFormatDynamodbJson})
			if bad != 0 || len(again) != 1 || !again[0].Same(back) {
				t.Fatalf("%q is not read as it was written: %s", content, line)
			}
		}
		if sum, bad := readObject(t, content, form); len(sum) != len(items) || bad != refused {
			t.Fatal("the same object is read in two ways")
		}
	})
}
