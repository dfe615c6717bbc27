package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/bulkhead/bulkhead/"

// rules say which packages may import what, with the reason. A name ending in /... stands for all below it.
var rules = []struct {
	imported string
	by       []string
	reason   string
}{
	{"internal/store/system", []string{
		"internal/app", "internal/identity/...", "service/...",
	}, "reads and writes without a grant are for what happens before one exists"},
	{"internal/kv", []string{
		"internal/kv/...", "internal/store/...", "internal/audit/...", "internal/app",
	}, "only views bound to a grant reach the data"},
	{"internal/kv/pebblekv", []string{"internal/app", "test/...", "internal/store", "internal/audit", "internal/kv/...", "internal/item"}, "backends are chosen in one place"},
	{"internal/kv/pgkv", []string{"internal/app", "test/...", "internal/kv/..."}, "backends are chosen in one place"},
	{"internal/pipeline", []string{
		"api/...", "service/...", "internal/app", "internal/codegen/...",
	}, "the pipeline calls services, through generated code, and nothing else calls into it"},
	{"service/...", []string{"service/...", "internal/app", "test/..."}, "nothing below a service may depend on one"},
	{"api/...", []string{"service/...", "internal/app", "internal/identity/...", "test/..."}, "shapes of the wire stay at the edge"},
	{"net/http", []string{
		"cmd/...", "internal/app", "internal/pipeline", "internal/protocol/...", "internal/authn/...", "internal/codegen/...",
		"api/...", "service/cognitoidp", "service/cognitoidentity", "test/...",
	}, "the store, the policy engine and table semantics have no HTTP in them"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			checkImport(t, name, strings.TrimPrefix(imp, module))
		}
	}
}

func checkImport(t *testing.T, name, imported string) {
	t.Helper()
	for _, r := range rules {
		if !covers(r.imported, imported) || covers(r.imported, name) {
			continue
		}
		allowed := false
		for _, by := range r.by {
			allowed = allowed || covers(by, name)
		}
		if !allowed {
			t.Errorf("%s imports %s: %s", name, imported, r.reason)
		}
	}
}

func covers(pattern, name string) bool {
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == dir || strings.HasPrefix(name, dir+"/")
	}
	return name == pattern
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// Only generated code makes operations, so that none exists without its requirements.
func TestOnlyGeneratedCodeMakesOperations(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "-C", "../..", "grep", "-l", `pipeline\.NewOp\[\?`, "--", "*.go").Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	for _, f := range strings.Fields(string(out)) {
		ok := strings.HasPrefix(f, "api/") || strings.HasPrefix(f, "internal/codegen/") || strings.HasPrefix(f, "internal/arch/")
		if !ok {
			t.Errorf("%s calls pipeline.NewOp; only generated code under api/ may", f)
		}
	}
}
