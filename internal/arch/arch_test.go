package arch

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bulkhead/bulkhead/"

// importers says who may import a package, with the reason. A name ending in /... stands for all below it. Tests may
// import what they like.
var importers = []struct {
	imported string
	by       []string
	reason   string
}{
	{"internal/store/system", []string{
		"internal/app", "internal/identity/...", "service/...",
	}, "reads and writes without a grant are for what happens before one exists"},
	{"internal/authz/authztest", nil, "grants that no decision made are for tests"},
	{"internal/app/apptest", nil, "servers with credentials that everybody knows are for tests"},
	{"internal/keyring/keyringtest", nil, "keys that anybody can derive are for tests"},
	{"internal/passkey/passkeytest", nil, "an authenticator that forges is for tests"},
	{"github.com/go-webauthn/webauthn/...", []string{"internal/passkey"}, "one place decides which passkeys are taken"},
	{"internal/objects/objectstest", nil, "a storage that forgets is for tests"},
	{"internal/store/storetest", nil, "a store that forgets is for tests"},
	{"internal/federation/saml/samltest", nil, "an identity provider that says what it is told is for tests"},
	{"internal/store", []string{
		"internal/app", "internal/identity/...", "internal/paging", "internal/store/...", "service/...",
	}, "who decides about data does not hold it"},
	{"internal/kv", []string{
		"internal/kv/...", "internal/store/...", "internal/audit/...", "internal/app",
	}, "only views bound to a grant reach the data"},
	{"internal/kv/pebblekv", []string{"internal/app", "internal/store/storetest"}, "backends are chosen in one place, and in one for tests"},
	{"internal/kv/pgkv", []string{"internal/app", "internal/store/storetest"}, "backends are chosen in one place, and in one for tests"},
	{"internal/kv/memkv", []string{"internal/app", "internal/store/storetest"}, "backends are chosen in one place, and in one for tests"},
	{"internal/pipeline", []string{
		"api/...", "service/...", "internal/app", "internal/codegen/...",
	}, "the pipeline calls services, through generated code, and nothing else calls into it"},
	{"internal/audit", []string{
		"internal/app", "internal/pipeline", "service/bulkhead", "service/cloudtrail",
	}, "the pipeline records, and two services show the record; a handler that writes audit events can forget to"},
	{"service/...", []string{"service/...", "internal/app"}, "nothing below a service may depend on one"},
	{"api/...", []string{"service/...", "internal/app"}, "shapes of the wire stay at the edge"},
	{"net/http", []string{
		"cmd/...", "internal/app", "internal/pipeline", "internal/protocol/...", "internal/authn/...", "internal/codegen/...",
		"api/...", "service/cognitoidp", "service/cognitoidp/login", "service/cognitoidp/tokens", "service/cognitoidentity", "internal/client", "internal/demo",
		"internal/outside", "internal/federation/...", "internal/functions", "internal/awsclient", "internal/delivery", "internal/objects/...", "internal/peer", "internal/tableengine", "service/bulkhead/mailpage", "internal/bench",
	}, "the store, the policy engine and table semantics have no HTTP in them"},
	{"os/exec", []string{"test/..."}, "the server starts no programs"},
	{"unsafe", nil, "memory safety is part of the boundary"},
}

// foundations are packages that rest on few others: all that each may import of this module, and what it may not of
// the standard library.
var foundations = []struct {
	name   string
	on     []string
	never  []string
	reason string
}{
	{"internal/fault", nil, []string{"net/http"}, "an error knows no wire"},
	{"internal/policy", nil, []string{"net/http", "os", "time/tzdata"}, "the engine and the prover share one language, which is pure"},
	{"internal/kv", []string{"internal/keyorder"}, nil, "a backend knows bytes and no meaning"},
	{"internal/keyring", nil, nil, "keys depend on nothing that could be made to leak them"},
	{"internal/item", []string{"internal/fault", "internal/keyorder", "internal/protocol/constraint", "internal/protocol/jsoncodec"}, []string{"encoding/json", "reflect"},
		"the semantics of tables are pure, and rows are coded in one pass"},
	{"internal/partiql", []string{"internal/item", "internal/fault"}, []string{"encoding/json", "reflect"}, "a language has no other semantics than the tables' own"},
	{"service/dynamodb/tabledata", []string{"api/dynamodb", "internal/item", "internal/protocol/jsoncodec"}, []string{"net/http", "os"},
		"what anybody wrote is read where nothing can be reached"},
	{"service/dynamodb/plan", []string{"api/dynamodb", "internal/fault", "internal/item", "internal/opt", "internal/partiql"}, []string{"net/http", "os"},
		"what a request is decided by and what it does are the same plan, made of the request alone"},
	{"service/dynamodb/digest", []string{"api/dynamodb", "internal/item", "internal/opt"}, []string{"net/http", "os"}, "a request is told by what it asks for, and nothing else"},
	{"service/dynamodb/streamid", []string{"internal/fault"}, []string{"net/http", "os"}, "names that clients made up are read where they lead nowhere"},
	{"service/dynamodb/ratelimit", nil, []string{"net/http", "os"}, "how much is left depends on what was taken and when"},
	{"service/dynamodb/datakeys", []string{"internal/fault", "internal/keyring", "internal/store/..."}, []string{"net/http", "os"},
		"what opens a row is asked of the store, the keyring and one interface, whose it is being decided before"},
	{"internal/client", nil, nil, "a client of the server is outside of it"},
	{"internal/awsclient", nil, nil, "how outside servers are reached knows nothing of what is sent"},
	{"internal/tableengine", []string{"internal/awsclient"}, nil, "what goes to an outside engine is decided before, and not there"},
	{"internal/objects", []string{"internal/awsclient"}, nil, "what goes to a bucket is decided before, and not there"},
	{"internal/demo", []string{"internal/client"}, nil, "the demonstration attacks from outside"},
	{"internal/bench", []string{"internal/client"}, nil, "what measures the server is outside of it"},
}

// layers are packages of one service, from the ground up: each may import only those before it.
var layers = [][]string{
	{
		"service/cognitoidp/refusal", "service/cognitoidp/userpool", "service/cognitoidp/trigger", "service/cognitoidp/tokens",
		"service/cognitoidp/messages", "service/cognitoidp/poolsettings", "service/cognitoidp", "service/cognitoidp/login",
	},
	{
		"service/dynamodb/tabledata", "service/dynamodb/plan", "service/dynamodb/digest", "service/dynamodb/streamid",
		"service/dynamodb/ratelimit", "service/dynamodb/datakeys", "service/dynamodb",
	},
}

// callers says which folders may name something, with the reason. What is called is an extended regular expression that matches whole words.
var callers = []struct {
	called string
	by     []string
	reason string
}{
	{`pipeline\.NewOp`, []string{"api/", "internal/codegen/"},
		"only generated code makes operations, so that none exists without its requirements"},
	{`pipeline\.Serve`, []string{"service/cognitoidp/", "service/bulkhead/mailpage/"},
		"requests that speak no AWS protocol come in by one door, the server's own pages"},
	{`audit\.(Log|Event|Ticket|Open)`, []string{"internal/audit/", "internal/pipeline/", "internal/app/"},
		"only the pipeline writes the audit log; services read it"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			checkImport(t, name, strings.TrimPrefix(imp, module), strings.HasPrefix(imp, module))
		}
	}
}

func checkImport(t *testing.T, name, imported string, ours bool) {
	t.Helper()
	for _, r := range importers {
		if covers(imported, r.imported) && !covers(name, r.imported) && !covers(name, r.by...) {
			t.Errorf("%s imports %s: %s", name, imported, r.reason)
		}
	}
	for _, f := range foundations {
		if name == f.name && (ours && !covers(imported, f.on...) || covers(imported, f.never...)) {
			t.Errorf("%s imports %s: %s", name, imported, f.reason)
		}
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	imports := map[string][]string{}
	for _, p := range packages(t) {
		imports[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
	for _, l := range layers {
		for name := range imports {
			if covers(name, l[0][:strings.LastIndexByte(l[0], '/')]+"/...") && !slices.Contains(l, name) {
				t.Errorf("%s has no place among the layers of its service", name)
			}
		}
		for i, name := range l {
			if _, ok := imports[name]; !ok {
				t.Errorf("a layer is %s, and there is no such package", name)
			}
			for _, imp := range imports[name] {
				if slices.Contains(l[i:], strings.TrimPrefix(imp, module)) {
					t.Errorf("%s imports %s, which stands on it", name, imp)
				}
			}
		}
	}
}

// covers reports whether one of the patterns stands for the name.
func covers(name string, patterns ...string) bool {
	for _, p := range patterns {
		dir, below := strings.CutSuffix(p, "/...")
		if name == dir || below && strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

// walk lists every folder with sources. The go command keeps the result of a test until something changes that the test has opened,
// and does not see what go list and git grep open for it.
func walk(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != "../.." && (d.Name()[0] == '.' || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func packages(t *testing.T) []pkg {
	t.Helper()
	walk(t)
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

// A rule about a package that is gone protects nothing.
func TestRulesNamePackages(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range packages(t) {
		names = append(names, strings.TrimPrefix(p.ImportPath, module))
	}
	check := func(patterns ...string) {
		for _, p := range patterns {
			found := false
			for _, n := range names {
				found = found || covers(n, p)
			}
			if !found && !standard(p) {
				t.Errorf("a rule names %s, and there is no such package", p)
			}
		}
	}
	for _, r := range importers {
		check(r.imported)
		check(r.by...)
	}
	for _, f := range foundations {
		check(f.name)
		check(f.on...)
	}
}

func standard(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return !slices.Contains([]string{"api", "cmd", "internal", "service", "test"}, top)
}

func TestCallers(t *testing.T) {
	t.Parallel()
	for _, c := range callers {
		files := grep(t, c.called)
		if len(files) == 0 {
			t.Errorf("nothing calls %s; is the rule still about something?", c.called)
		}
		for _, f := range files {
			allowed := strings.HasSuffix(f, "_test.go")
			for _, dir := range c.by {
				allowed = allowed || strings.HasPrefix(f, dir)
			}
			if !allowed {
				t.Errorf("%s names %s: %s", f, c.called, c.reason)
			}
		}
	}
}

func grep(t *testing.T, pattern string) []string {
	t.Helper()
	walk(t)
	out, err := exec.Command("git", "-C", "../..", "grep", "-lwE", pattern, "--", "*.go").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil // no file has it
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
