package cognitoidp

import "testing"

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{`username = "a"`, `"email" ^= "a\"b"`, ``, `sub = "`, `status="\\"`} {
		f.Add(s)
	}
	p := &pool{}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseFilter(s); err == nil && got != nil {
			got.match(p, &user{Username: "a", Sub: "b"})
		} else if err != nil && got != nil {
			t.Error("both a filter and an error")
		}
	})
}
