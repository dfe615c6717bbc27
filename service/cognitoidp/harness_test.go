package cognitoidp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const (
	testAccount  = "111122223333"
	otherAccount = "444455556666"
	testRegion   = "us-east-1"
	password     = "Correct-Horse-1"
	otherWord    = "Battery-Staple-2"
	allowAll     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-idp:*","Resource":"*"}]}`
)

// testRSA is made once: what is tested is not the making of keys.
var testRSA = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 4)
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, tokens.SigningKeyBits)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

// world is a service with one pool, a client without and one with a secret.
type world struct {
	t        testing.TB
	s        *Service
	r        *Requirements
	now      time.Time
	account  string
	region   string
	policies []string
	box      *messages.Mailbox
	pool     string
	app      string // public, all flows
	quiet    string // public, hides users
	private  string // with a secret
	secret   string
}

func newService(t testing.TB, issuer string) *Service {
	t.Helper()
	ring := keyringtest.New(t, 'k')
	s, err := New(Config{DB: store.New(memkv.New()), Keys: ring, IssuerURL: issuer})
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	s.NewKey = func() (*rsa.PrivateKey, error) {
		keys := testRSA()
		return keys[int(n.Add(1))%len(keys)], nil
	}
	return s
}

var allFlows = []api.ExplicitAuthFlowsType{
	"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
}

// newWorld makes the world around a pool, by default one that verifies mail and has a tenant attribute.
func newWorld(t testing.TB, change ...func(*api.CreateUserPoolInput)) *world {
	t.Helper()
	s := newService(t, "")
	w := &world{
		t: t, s: s, r: s.Requirements(), now: time.Unix(1_790_000_000, 0).UTC(), account: testAccount, region: testRegion,
		policies: []string{allowAll}, box: messages.NewMailbox(s.DB, s.Keyring),
	}
	in := &api.CreateUserPoolInput{
		PoolName: new("test"), AutoVerifiedAttributes: []api.VerifiedAttributeType{"email"},
		Schema: []api.SchemaAttributeType{
			{Name: new("tenant_id"), AttributeDataType: "String", Mutable: new(false)},
			{Name: new("color"), AttributeDataType: "String", StringAttributeConstraints: &api.StringAttributeConstraintsType{MaxLength: new("5")}},
			{Name: new("level"), AttributeDataType: "Number", NumberAttributeConstraints: &api.NumberAttributeConstraintsType{MinValue: new("1"), MaxValue: new("9")}},
		},
	}
	for _, f := range change {
		f(in)
	}
	out := must(do(w, w.r.CreateUserPool, s.CreateUserPool, in))(t)
	w.pool = *out.UserPool.Id
	w.app = w.newClient(nil)
	w.quiet = w.newClient(func(in *api.CreateUserPoolClientInput) { in.PreventUserExistenceErrors = "ENABLED" })
	w.private = w.newClient(func(in *api.CreateUserPoolClientInput) { in.GenerateSecret = new(true) })
	d := must(do(w, w.r.DescribeUserPoolClient, s.DescribeUserPoolClient, &api.DescribeUserPoolClientInput{UserPoolId: &w.pool, ClientId: &w.private}))(t)
	w.secret = *d.UserPoolClient.ClientSecret
	return w
}

func (w *world) newClient(change func(*api.CreateUserPoolClientInput)) string {
	w.t.Helper()
	in := &api.CreateUserPoolClientInput{UserPoolId: &w.pool, ClientName: new("c"), ExplicitAuthFlows: allFlows}
	if change != nil {
		change(in)
	}
	return *must(do(w, w.r.CreateUserPoolClient, w.s.CreateUserPoolClient, in))(w.t).UserPoolClient.ClientId
}

// must fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// do sends a request the way the server does: requirement, decision, handler. Users' operations come unsigned.
func do[I, O any](w *world, require func(*authz.Scope, *I) authz.Requirement, run func(context.Context, *pipeline.Call, *I) (*O, error), in *I) (*O, error) {
	ctx := context.Background()
	caller := authztest.Root(w.account)
	scope := &authz.Scope{Context: ctx, Partition: "aws", Region: w.region, Account: w.account, Caller: caller, Now: w.now}
	req := require(scope, in)
	if req.AllowsAnonymous() {
		caller = &authn.Principal{}
	} else {
		caller = &authn.Principal{Kind: authn.User, Account: w.account, ARN: "arn:aws:iam::" + w.account + ":user/op", Name: "op", UserID: "AIDAOP"}
	}
	scope.Caller = caller
	o, err := authz.NewEngine(authztest.Directory(w.policies), "").Authorize(ctx, &authz.Request{
		Caller: caller, Service: userpool.ServiceName, Region: w.region, Access: authz.Write, Requirement: req, Env: authz.Environment{Now: w.now},
	})
	if err != nil {
		return nil, err
	}
	if !o.Allowed() {
		return nil, fault.New(fault.AccessDenied, "denied")
	}
	return run(ctx, &pipeline.Call{RequestID: "r", Grant: o.Grant, Caller: caller, Account: w.account, Region: w.region, Now: w.now}, in)
}

// want checks the code and, unless it is empty, the message of a refusal.
func want(t testing.TB, what string, err error, code, message string) {
	t.Helper()
	var f *fault.Error
	switch {
	case err == nil:
		t.Errorf("%s: no error, want %s", what, code)
	case !errors.As(err, &f) || f.Code != code && f.Class.String() != code:
		t.Errorf("%s: %v, want %s", what, err, code)
	case message != "" && f.Message != message:
		t.Errorf("%s: message %q, want %q", what, f.Message, message)
	}
}

func attrs(pairs ...string) []api.AttributeType {
	var out []api.AttributeType
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, api.AttributeType{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return out
}

func (w *world) hash(name string) *string {
	h := hmac.New(sha256.New, []byte(w.secret))
	h.Write([]byte(name + w.private))
	return new(base64.StdEncoding.EncodeToString(h.Sum(nil)))
}

func (w *world) signUp(name, email string) (*api.SignUpOutput, error) {
	return do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{ClientId: &w.app, Username: &name, Password: new(password), UserAttributes: attrs("email", email)})
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

var eightDigits = regexp.MustCompile(`\b[0-9]{8}\b`)

// code reads the last code sent to an address.
func (w *world) code(to string) string {
	w.t.Helper()
	mail := must(w.box.List(context.Background(), testAccount, testRegion, to))(w.t)
	if len(mail) == 0 {
		w.t.Fatalf("no mail to %s", to)
	}
	return sixDigits.FindString(mail[len(mail)-1].Body)
}

func (w *world) confirm(name, code string) error {
	_, err := do(w, w.r.ConfirmSignUp, w.s.ConfirmSignUp, &api.ConfirmSignUpInput{ClientId: &w.app, Username: &name, ConfirmationCode: &code})
	return err
}

// member makes a confirmed user with the password.
func (w *world) member(name string, pairs ...string) string {
	w.t.Helper()
	out := must(do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{
		UserPoolId: &w.pool, Username: &name, MessageAction: "SUPPRESS", UserAttributes: attrs(pairs...),
	}))(w.t)
	must(do(w, w.r.AdminSetUserPassword, w.s.AdminSetUserPassword, &api.AdminSetUserPasswordInput{
		UserPoolId: &w.pool, Username: &name, Password: new(password), Permanent: new(true),
	}))(w.t)
	return *out.User.Attributes[0].Value
}

func (w *world) initiate(app string, flow api.AuthFlowType, params map[string]string) (*api.InitiateAuthOutput, error) {
	return do(w, w.r.InitiateAuth, w.s.InitiateAuth, &api.InitiateAuthInput{ClientId: &app, AuthFlow: flow, AuthParameters: params})
}

func (w *world) signIn(app, name, word string) (*api.InitiateAuthOutput, error) {
	return w.initiate(app, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": name, "PASSWORD": word})
}

func (w *world) tokens(app, name string) *api.AuthenticationResultType {
	w.t.Helper()
	out := must(w.signIn(app, name, password))(w.t)
	if out.AuthenticationResult == nil {
		w.t.Fatalf("challenge %s instead of tokens", out.ChallengeName)
	}
	return out.AuthenticationResult
}

func (w *world) getUser(token string) (*api.GetUserOutput, error) {
	return do(w, w.r.GetUser, w.s.GetUser, &api.GetUserInput{AccessToken: &token})
}

// decoded is the claims of a token.
func decoded(t testing.TB, token string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
