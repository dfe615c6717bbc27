package demo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

// The demonstration must notice what crosses, and must not take a fault for a refusal.
func TestJudge(t *testing.T) {
	t.Parallel()
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException"}
	for name, c := range map[string]struct {
		own, other      error
		only            string
		crossed, broken bool
		said            string
	}{
		"as it should be":         {nil, denied, "", false, false, "AccessDeniedException"},
		"hidden":                  {nil, errHidden, "", false, false, "nothing shown"},
		"crossed":                 {nil, nil, "", true, false, "ok"},
		"a fault is no refusal":   {nil, &smithy.GenericAPIError{Code: "InternalFailure"}, "", false, true, "InternalFailure"},
		"nor is a broken line":    {nil, errors.New("reset"), "", false, true, "error: reset"},
		"own refused":             {denied, denied, "", false, true, "AccessDeniedException"},
		"own refused and crossed": {denied, nil, "", true, true, "ok"},
		"only the other's":        {denied, denied, "other", false, false, "AccessDeniedException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &demo{result: &Result{}, events: &events{last: "event"}}
			d.try(t.Context(), &session{tenant: "acme", other: "globex"}, &attempt{
				level: "row", tried: name, only: c.only, do: func(_ context.Context, _ *session, tenant string) error {
					if tenant == "acme" {
						return c.own
					}
					return c.other
				},
			})
			r := d.result.Attempts[0]
			if r.Crossed != c.crossed || r.Broken != c.broken || r.Other != c.said || r.Event != "event" {
				t.Errorf("%+v", r)
			}
			if d.result.Crossed != count(c.crossed) || d.result.Broken != count(c.broken) {
				t.Errorf("%+v", d.result)
			}
			var b strings.Builder
			if err := d.result.Table(&b); err != nil {
				t.Fatal(err)
			}
			if good := strings.Contains(b.String(), "Nothing crossed."); good != (!c.crossed && !c.broken) || strings.Contains(b.String(), "CROSSED: ") != c.crossed {
				t.Error(b.String())
			}
		})
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
