package cognitoidp

import (
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// unread are members of requests that are taken and do nothing, with the reason.
var unread = map[string]string{
	"AnalyticsMetadata": "goes to triggers where AWS shows it to them; there is no Pinpoint to count for",
	"UserContextData":   "is read for sign-ins alone, which are all that threat protection records",
}

// TestMembers fails for a member of a request that no code reads and nobody has given a reason for.
func TestMembers(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "login" || name == "testdata"):
			return fs.SkipDir // the pages answer none of these operations
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		b, err := os.ReadFile(name)
		source.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, m := range regexp.MustCompile(`\bin\.([A-Z][A-Za-z0-9]*)`).FindAllStringSubmatch(source.String(), -1) {
		read[m[1]] = true
	}
	used := map[string]bool{}
	for _, shape := range []any{
		api.CreateUserPoolInput{}, api.UpdateUserPoolInput{}, api.CreateUserPoolClientInput{}, api.UpdateUserPoolClientInput{},
		api.InitiateAuthInput{}, api.AdminInitiateAuthInput{}, api.RespondToAuthChallengeInput{}, api.AdminRespondToAuthChallengeInput{},
		api.SignUpInput{}, api.ConfirmSignUpInput{}, api.ResendConfirmationCodeInput{}, api.ForgotPasswordInput{}, api.ConfirmForgotPasswordInput{},
		api.AdminCreateUserInput{}, api.SetUserMFAPreferenceInput{}, api.AdminSetUserMFAPreferenceInput{}, api.SetUserPoolMfaConfigInput{},
		api.CreateUserPoolDomainInput{}, api.CreateIdentityProviderInput{}, api.CreateResourceServerInput{}, api.ListUsersInput{},
	} {
		typ := reflect.TypeOf(shape)
		for i := range typ.NumField() {
			switch name := typ.Field(i).Name; {
			case read[name]:
			case unread[name] != "":
				used[name] = true
			default:
				t.Errorf("%s.%s is read by nothing: serve it, refuse it, or say why it does nothing", typ.Name(), name)
			}
		}
	}
	for name := range unread {
		if !used[name] && !read[name] {
			t.Errorf("%s is no member that needs a reason", name)
		}
	}
}

// TestNotServed: settings that nothing would act on are refused, not kept.
func TestNotServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, pool := do(w, w.r.UpdateUserPool, w.s.UpdateUserPool, &api.UpdateUserPoolInput{UserPoolId: &w.pool, SmsAuthenticationMessage: new("Code {####}")})
	_, app := do(w, w.r.CreateUserPoolClient, w.s.CreateUserPoolClient, &api.CreateUserPoolClientInput{
		UserPoolId: &w.pool, ClientName: new("c"), AnalyticsConfiguration: &api.AnalyticsConfigurationType{ApplicationId: new("a")},
	})
	for _, err := range []error{pool, app} {
		if f := fault.From(err); err == nil || f.Class != fault.Unsupported {
			t.Errorf("a setting that is not served: %v", err)
		}
	}
}
