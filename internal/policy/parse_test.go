package policy_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/policy"
)

// TestParseErrors reads testdata/malformed.txt: cases of "kind document" and the error that they give, which is
// rewritten by UPDATE_GOLDEN=1 for a reader to judge.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	kinds := map[string]policy.Kind{"identity": policy.Identity, "resource": policy.Resource, "trust": policy.Trust}
	const file = "testdata/malformed.txt"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, block := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		in, _, _ := strings.Cut(block, "\n=> ")
		kind, doc, ok := strings.Cut(in, " ")
		if !ok {
			t.Fatalf("no case: %q", block)
		}
		_, err := policy.Parse([]byte(doc), kinds[kind])
		var syntax *policy.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("accepted: %s", doc)
			continue
		}
		out.WriteString(in + "\n=> " + syntax.Error() + "\n\n")
	}
	golden(t, file, strings.TrimSpace(out.String())+"\n")
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; UPDATE_GOLDEN=1 rewrites it. Got:\n%s", file, got)
	}
}

func TestParseBytes(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"invalid UTF-8":  "{\"Version\":\"2012-10-17\",\"Id\":\"\xff\",\"Statement\":[]}",
		"NUL":            "\x00",
		"empty":          "",
		"byte order":     "\ufeff" + allowAll,
		"too long":       allowAll + strings.Repeat(" ", policy.MaxSize),
		"too deep":       strings.Repeat("[", 100000),
		"deep objects":   strings.Repeat(`{"a":`, 20000),
		"lone surrogate": `{"Id":"\ud800","Statement":[]}`,
		"control":        "{\"Id\":\"\n\",\"Statement\":[]}",
		"two documents":  allowAll + allowAll,
	} {
		if _, err := policy.Parse([]byte(doc), policy.Identity); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	doc := ` {"Version":"2012-10-17","Id":"i\u00e9\ud83d\ude00","Statement":[
	 {"Sid":"Enable IAM policies","Effect":"Allow","Principal":{"AWS":["111111111111","arn:aws:iam::222222222222:root"],
	  "Service":"s3.amazonaws.com","CanonicalUser":"79a59d"},"Action":["kms:*"],"Resource":["*"],
	  "Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:T":["${k:a, 'd'}","x"]},
	   "NumericLessThan":{"k:n":5},"Bool":{"aws:SecureTransport":true}}}]}`
	p := mustParse(t, doc, policy.Resource)
	if string(p.JSON()) != doc || p.ID() != "ié😀" || p.Version() != "2012-10-17" || p.Kind() != policy.Resource {
		t.Errorf("%+v", p)
	}
	want := []string{"aws:SecureTransport", "k:a", "k:n", "kms:EncryptionContext:T"}
	if got := p.ContextKeys(); !slices.Equal(got, want) {
		t.Errorf("ContextKeys = %q, want %q", got, want)
	}
	if !p.HasCondition(policy.ForAllValues, "kms:encryptioncontext") || p.HasCondition(policy.ForAnyValue, "kms:") {
		t.Error("HasCondition")
	}
	var seen []string
	p.Conditions(func(st int, op, key string) bool { seen = append(seen, op+" "+key); return len(seen) < 2 })
	if len(seen) != 2 || seen[0] != "ForAllValues:StringEquals kms:EncryptionContext:T" {
		t.Errorf("Conditions: %q", seen)
	}
}

// TestMatchingIsNotExponential matches patterns that backtracking would take ages for.
func TestMatchingIsNotExponential(t *testing.T) {
	t.Parallel()
	pattern := "arn:aws:s3:::" + strings.Repeat("*a", 2000) + "b"
	set := identity(t, `{"Statement":{"Effect":"Allow","Action":"`+"s3:"+strings.Repeat("*e", 500)+`*","Resource":"`+pattern+`"}}`)
	r := &policy.Request{
		Action: "s3:" + strings.Repeat("e", 1000), Resource: "arn:aws:s3:::" + strings.Repeat("a", 4000), ResourceAccount: account,
		Principal: roleSession(),
	}
	start := time.Now()
	if policy.Evaluate(r, &policy.Policies{Identity: set}).Allowed {
		t.Error("allowed")
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{s21, s3Signed, s15, allowAll, naming("*"), `{"Statement":[{"Effect":"Deny","NotAction":"a:b","NotResource":"*"}]}`} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(s), uint8(2))
	}
	r := benchRequest(table)
	f.Fuzz(func(t *testing.T, src []byte, k uint8) {
		kind := policy.Kind(k % 3)
		p, err := policy.Parse(src, kind)
		if err != nil {
			var syntax *policy.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 || syntax.Offset > len(src) {
				t.Fatalf("%#v", err)
			}
			return
		}
		ps := &policy.Policies{Resource: &policy.Source{Policy: p}}
		if kind == policy.Identity {
			ps = &policy.Policies{Identity: policy.NewSet([]policy.Source{{Policy: p}})}
		}
		if d := policy.Evaluate(r, ps); policy.Explain(r, ps).Decision != d {
			t.Fatal("Explain and Evaluate differ")
		}
		p.ContextKeys()
	})
}
