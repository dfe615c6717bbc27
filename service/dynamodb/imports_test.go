package dynamodb

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzListToken opens what callers send as a token of ListImports.
func FuzzListToken(f *testing.F) {
	f.Add(strings.Repeat("0", 112))
	f.Fuzz(func(t *testing.T, token string) {
		if got := fromHex(&token); got == nil {
			t.Fatal("a token is no token")
		}
		back := fromHex(inHex(&token))
		if strings.TrimRight(token, ".") != *back {
			t.Fatalf("%q comes back as %q", token, *back)
		}
	})
}

// An object that is removed in the middle of its import was not imported as a whole, and the import does not say that it was.
func TestImportOfAnObjectThatIsRemoved(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var b bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&b, `{"Item":{"pk":{"S":"p%d"},"sk":{"S":"s"}}}`+"\n", i)
	}
	e.object("x/a.json", b.Bytes())
	e.object("x/b.json", []byte(`{"Item":{"pk":{"S":"b"},"sk":{"S":"s"}}}`))
	e.must(root(), "ImportTable", importInput("new", "x/", "DYNAMODB_JSON", ""))
	full := e.s.objects
	e.s.objects = &cutStore{Store: full, at: 20_000}
	if err := e.s.Transfers(t.Context(), e.now); err == nil {
		t.Fatal("nothing failed")
	}
	if err := os.Remove(filepath.Join(e.makeBucket(dumpBucket), "x/a.json")); err != nil {
		t.Fatal(err)
	}
	e.s.objects, e.now = full, e.now.Add(transferPause+time.Second)
	e.carry()
	arn := between(e.must(root(), "ListImports", `{}`), `ImportArn":"`, `"`)
	m := get(t, e.must(root(), "DescribeImport", `{'ImportArn':'`+arn+`'}`), "ImportTableDescription").(map[string]any)
	if m["ImportStatus"] != "FAILED" || m["FailureCode"] != "S3ObjectChanged" || m["FailureMessage"] != "The object x/a.json was removed while it was imported" {
		t.Errorf("%v", m)
	}
}
