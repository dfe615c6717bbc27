package arn

import "testing"

func TestParse(t *testing.T) {
	t.Parallel()
	good := map[string]ARN{
		"arn:aws:iam::123456789012:role/a/b":          {"aws", "iam", "", "123456789012", "role/a/b"},
		"arn:aws:dynamodb:us-east-1:123456789012:t:x": {"aws", "dynamodb", "us-east-1", "123456789012", "t:x"},
		"arn:aws:s3:::bucket/key":                     {"aws", "s3", "", "", "bucket/key"},
		"arn:aws:iam::aws:policy/AdministratorAccess": {"aws", "iam", "", "aws", "policy/AdministratorAccess"},
	}
	for s, want := range good {
		got, ok := Parse(s)
		if !ok || got != want || got.String() != s {
			t.Errorf("Parse(%q) = %+v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "arn", "arn:aws:iam::1:role/x", "arn:aws:iam::12345678901x:role/x",
		"arn:aws:iam::123456789012:", "arn::iam::123456789012:x", "arn:aws:::123456789012:x", "nra:aws:iam:::x",
		"arn:aws:iam::1234567890123:role/x"} {
		if a, ok := Parse(s); ok {
			t.Errorf("Parse(%q) = %+v, want refusal", s, a)
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	a, _ := Parse(IAM("123456789012", "role", "/p/q/", "R"))
	if kind, rest := a.Type(); kind != "role" || rest != "p/q/R" || a.Name() != "R" {
		t.Errorf("got %q %q %q", kind, rest, a.Name())
	}
	a, _ = Parse(Root("123456789012"))
	if kind, rest := a.Type(); kind != "" || rest != "root" || a.Name() != "root" {
		t.Errorf("got %q %q %q", kind, rest, a.Name())
	}
}

func FuzzParse(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:role/a/b")
	f.Fuzz(func(t *testing.T, s string) {
		if a, ok := Parse(s); ok && a.String() != s {
			t.Errorf("%q reads as %q", s, a)
		}
	})
}
