package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead/bulkhead/internal/arn"
)

// Frozen is a policy with principals, as IAM keeps it: where the document named a user or a role, it holds that one's
// unique id, so that a principal made anew under the name of a deleted one inherits no trust ("AWS JSON policy elements:
// Principal", IAM User Guide).
type Frozen struct {
	// Document is the document with unique ids.
	Document string `json:"document"`
	// Accounts tells the account of each unique id.
	Accounts map[string]string `json:"accounts,omitempty"`
}

// PrincipalError is a principal in a policy that does not exist or that no policy can name.
type PrincipalError struct{ Element, Value string }

// Error is AWS's message.
func (e *PrincipalError) Error() string {
	return fmt.Sprintf("Invalid principal in policy: %q:%q", e.Element, e.Value)
}

// Freeze replaces the users and roles that the principals of a valid policy document name by their unique ids. It returns
// a *PrincipalError for one that does not exist.
func (c *Catalog) Freeze(ctx context.Context, document string) (Frozen, error) {
	f := Frozen{Accounts: map[string]string{}}
	text, err := rewritePrincipals(document, func(element, value string) (string, error) {
		id, account, err := c.freezeOne(ctx, element, value)
		if id == "" || err != nil {
			return value, err
		}
		f.Accounts[id] = account
		return id, nil
	})
	f.Document = text
	return f, err
}

func (c *Catalog) freezeOne(ctx context.Context, element, value string) (id, account string, err error) {
	invalid := &PrincipalError{element, value}
	switch {
	case strings.EqualFold(element, "Service"):
		if !strings.HasSuffix(value, ".amazonaws.com") {
			return "", "", &PrincipalError{"SERVICE", value}
		}
		return "", "", nil
	case !strings.EqualFold(element, "AWS"), value == "*", arn.IsAccount(value):
		return "", "", nil
	}
	a, ok := arn.Parse(value)
	if !ok || !arn.IsAccount(a.Account) {
		return "", "", invalid
	}
	kind, _ := a.Type()
	if a.Service == "sts" && (kind == "assumed-role" || kind == "federated-user") || a.Service == Service && a.Resource == "root" {
		return "", "", nil
	}
	if a.Service != Service || kind != string(KindUser) && kind != string(KindRole) {
		return "", "", invalid
	}
	e, err := c.entity(ctx, a.Account, Kind(kind), a.Name())
	if err != nil {
		return "", "", err
	}
	if e == nil || e.ARN() != value {
		return "", "", invalid
	}
	return e.ID, a.Account, nil
}

// Thaw is the document as it is shown: unique ids are ARNs again while their owner exists, and stay ids after.
func (c *Catalog) Thaw(ctx context.Context, f *Frozen) (string, error) {
	if len(f.Accounts) == 0 {
		return f.Document, nil
	}
	return rewritePrincipals(f.Document, func(_, value string) (string, error) {
		account, ok := f.Accounts[value]
		if !ok {
			return value, nil
		}
		now, err := c.resolveID(ctx, account, value)
		if now == "" {
			return value, err
		}
		return now, err
	})
}

// gone stands in for a principal that was deleted, in the document that is compiled: no name may hold a colon, so that
// nothing ever has this ARN.
func gone(account, id string) string { return arn.IAM(account, "user", "/", "deleted:"+id) }

// resolve returns the present ARN of each unique id.
func (c *Catalog) resolve(ctx context.Context, f *Frozen) (map[string]string, error) {
	now := make(map[string]string, len(f.Accounts))
	for id, account := range f.Accounts {
		a, err := c.resolveID(ctx, account, id)
		if err != nil {
			return nil, err
		}
		if a == "" {
			a = gone(account, id)
		}
		now[id] = a
	}
	return now, nil
}

// rewritePrincipals replaces the strings under Principal and NotPrincipal of a document and leaves all other text as it
// is. element is "AWS", "Federated" and so on; a principal that is a string itself ("*") is left alone.
func rewritePrincipals(document string, replace func(element, value string) (string, error)) (string, error) {
	w := &principalWriter{dec: json.NewDecoder(strings.NewReader(document)), src: document, replace: replace}
	if err := w.value(nil); err != nil {
		return "", err
	}
	w.out.WriteString(w.src[w.copied:])
	return w.out.String(), nil
}

type principalWriter struct {
	dec     *json.Decoder
	src     string
	copied  int64
	out     bytes.Buffer
	replace func(element, value string) (string, error)
}

// value reads one JSON value that is found under the keys of path.
func (w *principalWriter) value(path []string) error {
	before := w.dec.InputOffset()
	tok, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t := tok.(type) {
	case json.Delim:
		for w.dec.More() {
			inner := path
			if t == '{' {
				key, err := w.dec.Token()
				if err != nil {
					return err
				}
				name, _ := key.(string)
				inner = slices.Concat(path, []string{name})
			}
			if err := w.value(inner); err != nil {
				return err
			}
		}
		_, err := w.dec.Token()
		return err
	case string:
		return w.text(path, t, before)
	}
	return nil
}

func (w *principalWriter) text(path []string, value string, before int64) error {
	if len(path) != 3 || !strings.EqualFold(path[0], "Statement") ||
		!strings.EqualFold(path[1], "Principal") && !strings.EqualFold(path[1], "NotPrincipal") {
		return nil
	}
	now, err := w.replace(path[2], value)
	if err != nil || now == value {
		return err
	}
	end := w.dec.InputOffset()
	start := before + int64(strings.IndexByte(w.src[before:end], '"'))
	w.out.WriteString(w.src[w.copied:start])
	quoted, err := json.Marshal(now)
	if err != nil {
		return err
	}
	w.out.Write(quoted)
	w.copied = end
	return nil
}
