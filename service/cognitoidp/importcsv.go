package cognitoidp

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The columns of an import file that are no attributes.
const (
	columnUsername = "cognito:username"
	columnMFA      = "cognito:mfa_enabled"
)

// maxRow is the longest line of an import file, in characters ("Formatting the CSV file").
const maxRow = 16_000

// maxUsername is UsernameType's.
const maxUsername = 128

// csvHeader is the first line of the pool's import files.
func csvHeader(p *userpool.Pool) []string {
	var out []string
	for i := range p.Schema {
		if a := &p.Schema[i]; a.Name != "sub" && !a.DeveloperOnly {
			out = append(out, a.Name)
		}
	}
	return append(out, columnMFA, columnUsername)
}

// importFile is a file of users, line by line.
type importFile struct {
	columns []string
	rest    []byte
	line    int64
}

// openImport reads the header, which has each column once, in any order.
func openImport(p *userpool.Pool, file []byte) (*importFile, error) {
	f := &importFile{rest: file}
	if bytes.HasPrefix(file, []byte("\xef\xbb\xbf")) {
		return nil, errors.New("The file begins with a byte order mark.") //nolint:staticcheck,revive // words for the operator
	}
	header, ok := f.next()
	if !ok {
		return nil, errors.New("The file is empty.") //nolint:staticcheck,revive // words for the operator
	}
	f.columns = splitRow(header)
	want := csvHeader(p)
	got := slices.Clone(f.columns)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return nil, errors.New("The header is not that of the user pool.") //nolint:staticcheck,revive // words for the operator
	}
	return f, nil
}

// next returns the next line without its end.
func (f *importFile) next() (string, bool) {
	if len(f.rest) == 0 {
		return "", false
	}
	line, rest, _ := bytes.Cut(f.rest, []byte("\n"))
	f.rest = rest
	f.line++
	return string(bytes.TrimSuffix(line, []byte("\r"))), true
}

// splitRow splits a line at its commas; one after a backslash belongs to the value. Quotation marks mean nothing.
func splitRow(line string) []string {
	var out []string
	var field strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == ',':
			field.WriteByte(',')
			i++
		case line[i] == ',':
			out = append(out, field.String())
			field.Reset()
		default:
			field.WriteByte(line[i])
		}
	}
	return append(out, field.String())
}

// row is a user as a line describes it.
type row struct {
	username string
	mfa      bool
	attrs    []api.AttributeType
}

// parse reads one line.
func (f *importFile) parse(line string) (*row, error) {
	if !utf8.ValidString(line) || utf8.RuneCountInString(line) > maxRow {
		return nil, refusal.Invalid("The line is not UTF-8, or has more than %d characters.", maxRow)
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, refusal.Invalid("The line has control characters.")
	}
	values := splitRow(line)
	if len(values) != len(f.columns) {
		return nil, refusal.Invalid("The line has %d values and not %d.", len(values), len(f.columns))
	}
	r := &row{}
	for i, name := range f.columns {
		switch value := values[i]; {
		case name == columnUsername:
			r.username = value
		case name == columnMFA:
			lower := strings.ToLower(value)
			if lower != "true" && lower != "false" {
				return nil, refusal.Invalid("%s must be true or false.", columnMFA)
			}
			r.mfa = lower == "true"
		case value != "":
			r.attrs = append(r.attrs, api.AttributeType{Name: new(name), Value: new(value)})
		}
	}
	if n := utf8.RuneCountInString(r.username); n == 0 || n > maxUsername || strings.ContainsRune(r.username, ' ') {
		return nil, refusal.Invalid("%s must have 1 to %d characters and no spaces.", columnUsername, maxUsername)
	}
	return r, nil
}

// imported makes the user of a line. They have no password: the first sign-in asks them to set one, by a code to a
// verified address, so each needs one.
func (c *scoped) imported(r *row) (*userpool.User, error) {
	u, err := c.NewUser(r.username, userpool.Writer{Admin: true, Creating: true}, r.attrs)
	if err != nil {
		return nil, err
	}
	if err := c.Pool.RequireAttributes(u); err != nil {
		return nil, err
	}
	if err := importable(c.Pool, u, r); err != nil {
		return nil, err
	}
	u.Status = api.UserStatusTypeResetRequired
	if r.mfa {
		u.MFA = u.MFA.With(userpool.FactorSMS, true)
	}
	return u, nil
}

func importable(p *userpool.Pool, u *userpool.User, r *row) error {
	reachable := false
	for _, name := range []string{"email", "phone_number"} {
		verified := u.Attributes[userpool.VerifiedFlag(name)] == "true"
		if verified && u.Attributes[name] == "" {
			return refusal.Invalid("The User Record sets %s to true without %s.", userpool.VerifiedFlag(name), name)
		}
		reachable = reachable || verified && slices.Contains(p.AutoVerified, name)
	}
	switch {
	case !reachable:
		return refusal.Invalid("The User Record does not set any of the auto verified attributes to verified. (Example: email_verified to true).")
	case r.mfa && u.Attributes["phone_number"] == "":
		return refusal.Invalid("The User Record enables MFA without a phone_number.")
	}
	return nil
}

// reason is what the failure log says of an error, without what other users' data would tell.
func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Class == fault.Modeled {
		return strings.TrimSpace(f.Message)
	}
	return "The user could not be imported."
}
