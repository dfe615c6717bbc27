package codegen_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/codegen"
)

// TestLoadRefuses changes one thing in the test model or its facts at a time.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, old, repl, want string
	}{
		{"unknown field", "rpc.json", `"operations"`, `"documentation": "text", "operations"`, "unknown field"},
		{"operation without facts", "rpc.ops.json", `"Touch": {`, `"Tuch": {`, "operation Touch has no facts"},
		{"access", "rpc.ops.json", `"access": "write"`, `"access": ""`, "neither read nor write"},
		{"kind", "rpc.ops.json", `"kind": "data"`, `"kind": ""`, "neither management nor data"},
		{"served and unsupported", "rpc.json", `"DropThing"`, `"Touch"`, "both served and unsupported"},
		{"patch without a reason", "rpc.ops.json", `"patches": []`, `"patches": [{"shape": "Name", "validation": "service"}]`, "no reason"},
		{"patch of nothing", "rpc.ops.json", `"patches": []`, `"patches": [{"shape": "X", "reason": "y"}]`, "no such shape"},
		{"patch of no member", "rpc.ops.json", `"patches": []`, `"patches": [{"shape": "Part", "member": "X", "reason": "y"}]`, "no member"},
		{"patch first of a shape", "rpc.ops.json", `"patches": []`, `"patches": [{"shape": "Part", "validation": "first", "reason": "y"}]`, "validation"},
		{"patch of no bound", "rpc.ops.json", `"patches": []`, `"patches": [{"shape": "Name", "drop": ["length"], "reason": "y"}]`, "cannot drop"},
		{"patch of other values", "rpc.ops.json", `"patches": []`, `"patches": [{"shape": "Color", "enum": ["RED"], "reason": "y"}]`, "other values"},
		{"patch of validation", "rpc.ops.json", `"patches": []`, `"patches": [{"shape": "Part", "validation": "none", "reason": "y"}]`, "validation"},
		{"patch of nulls", "rpc.ops.json", `"patches": []`, `"patches": [{"shape": "Part", "nulls": "drop", "reason": "y"}]`, "nulls"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, file := range []string{"rpc.json", "rpc.ops.json"} {
				raw, err := os.ReadFile(filepath.Join("testdata", "models", file))
				if err != nil {
					t.Fatal(err)
				}
				s := string(raw)
				if file == tc.file {
					if !strings.Contains(s, tc.old) {
						t.Fatalf("%s has no %s", file, tc.old)
					}
					s = strings.Replace(s, tc.old, tc.repl, 1)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(s), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := codegen.Load(dir, "rpc"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// TestPatches shows what patches do to the generated code.
func TestPatches(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, file := range []string{"rpc.json", "rpc.ops.json"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "models", file))
		if err != nil {
			t.Fatal(err)
		}
		s := strings.Replace(string(raw), `"patches": []`, `"patches": [
			{"shape": "PutThingRequest", "member": "Name", "validation": "service", "reason": "other words"},
			{"shape": "Choice", "go": {"import": "example.com/choice", "type": "choice.Made"}, "reason": "written by hand"},
			{"shape": "Color", "enum": ["dark-blue", "RED"], "reason": "order"},
			{"shape": "Count", "drop": ["min"], "reason": "other words"},
			{"shape": "Part", "member": "Name", "validation": "first", "check": {"import": "example.com/choice", "func": "choice.Check"}, "reason": "before all"},
			{"shape": "Name", "pattern": "[a-z]+", "reason": "RE2"}]`, 1)
		if err := os.WriteFile(filepath.Join(dir, file), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, f, err := codegen.Load(dir, "rpc")
	if err != nil {
		t.Fatal(err)
	}
	files, err := codegen.Generate(m, f)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"shapes.gen.go": {`"example.com/choice"`, "*choice.Made"},
		"json.gen.go":   {"jsoncodec.StructPtr[choice.Made](d)", "v.Choice.AppendJSON(b)"},
		"validate.gen.go": {
			"\tc.Required(\"name\", v.Name != nil)\n", // of the input; Part's own Name is checked
			`"dark-blue, RED"`,
			"func checkCount(c *constraint.Checker, at string, v int32) {\n\tconstraint.Max(c, at, v, 10)\n}",
			"\tif !c.Present(\"Name\", v.Name != nil) {\n\t\treturn\n\t}\n\tcheckPartNamePatched(c, \"name\", *v.Name)\n\tif c.Failed() {\n\t\treturn\n\t}\n",
			"choice.Check(c, at, v)", "func checkName(", "constraint.NewPattern(`[a-z\\u0030-\\u0039]+`, `[a-z]+`)",
		},
	} {
		for _, w := range want {
			if !strings.Contains(string(files[file]), w) {
				t.Errorf("%s lacks %s", file, w)
			}
		}
	}
}
