package cognitoidp

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	kmsapi "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/functions"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

var testKMSKey = "arn:aws:kms:us-east-1:" + testAccount + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"

// newSending is a world whose messages functions send.
func newSending(t testing.TB, change ...func(*api.CreateUserPoolInput)) (*world, *lambdas) {
	t.Helper()
	w, l := newTriggered(t, nil, change...)
	w.s.DataKeys = func(_ context.Context, _ *pipeline.Call, key string, about map[string]string) (*kmsapi.GenerateDataKeyOutput, error) {
		if key != testKMSKey || about["userpool-id"] != w.pool {
			t.Errorf("a data key under %s for %v", key, about)
		}
		return &kmsapi.GenerateDataKeyOutput{KeyId: &testKMSKey, Plaintext: make([]byte, 32), CiphertextBlob: []byte("encrypted by KMS")}, nil
	}
	must(do(w, w.r.UpdateUserPool, w.s.UpdateUserPool, &api.UpdateUserPoolInput{
		UserPoolId: &w.pool, AutoVerifiedAttributes: []api.VerifiedAttributeType{"email", "phone_number"}, LambdaConfig: senders(),
	}))(t)
	return w, l
}

func senders() *api.LambdaConfigType {
	return &api.LambdaConfigType{
		KMSKeyID: &testKMSKey, CustomMessage: fn(trigger.CustomMessage),
		CustomEmailSender: &api.CustomEmailLambdaVersionConfigType{LambdaArn: fn(trigger.CustomEmailSender), LambdaVersion: "V1_0"},
		CustomSMSSender:   &api.CustomSMSLambdaVersionConfigType{LambdaArn: fn(trigger.CustomSMSSender), LambdaVersion: "V1_0"},
	}
}

func TestCustomSenders(t *testing.T) {
	t.Parallel()
	w, l := newSending(t)
	must(w.signUp("ada", "ada@example.com"))(t)
	e := l.last(t, "CustomEmailSender_SignUp")["request"].(map[string]any)
	text, err := base64.StdEncoding.DecodeString(e["code"].(string))
	if err != nil || len(text) < 200 || text[0] != 2 || !strings.Contains(string(text), testKMSKey) || !strings.Contains(string(text), w.pool) {
		t.Errorf("no message of the Encryption SDK: %q", text)
	}
	if e["type"] != "customEmailSenderRequestV1" || e["userAttributes"].(map[string]any)["email"] != "ada@example.com" {
		t.Errorf("%v", e)
	}
	must(do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{ClientId: &w.app, Username: new("bob"), Password: new(password), UserAttributes: attrs("phone_number", "+15550100")}))(t)
	if e := l.last(t, "CustomSMSSender_SignUp")["request"].(map[string]any); e["type"] != "customSMSSenderRequestV1" {
		t.Errorf("%v", e)
	}
	for _, source := range l.sources() {
		if strings.HasPrefix(source, "CustomMessage_") {
			t.Errorf("%s beside a custom sender", source)
		}
	}
	if w.mail("ada@example.com") != "" || w.mail("+15550100") != "" {
		t.Error("sent by the server as well")
	}
	l.goldenOf(w, "CustomEmailSender_SignUp", "CustomEmailSender_SignUp", func(e map[string]any) { e["request"].(map[string]any)["code"] = "(encrypted)" })
	l.refuse("CustomEmailSender_SignUp", "provider down")
	_, err = w.signUp("carl", "carl@example.com")
	want(t, "the sender fails", err, "UserLambdaValidationException", "CustomEmailSender failed with error provider down.")
}

// Where users are hidden, neither an error nor the time of a function tells that there is a user.
func TestQuietMessagesByFunctions(t *testing.T) {
	t.Parallel()
	w, l := newSending(t)
	w.member("ada", "email", "ada@example.com", "email_verified", "true")
	hangs := make(chan struct{})
	w.s.triggers.Functions = hanging{l, hangs}
	forgot := func(name string) (*api.ForgotPasswordOutput, error) {
		return do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.quiet, Username: &name})
	}
	for _, name := range []string{"ada", "nobody"} {
		if out, err := forgot(name); err != nil || out.CodeDeliveryDetails == nil {
			t.Errorf("%s: %v %v", name, out, err)
		}
	}
	close(hangs)
	if err := w.s.Drain(t.Context()); err != nil { // it has all places when nothing runs any more
		t.Fatal(err)
	}
	l.last(t, "CustomEmailSender_ForgotPassword")
	// With no place left, a message is dropped and the answer stays the same.
	l.forget()
	if _, err := forgot("ada"); err != nil {
		t.Error(err)
	}
	if got := l.sources(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
}

// hanging answers when it may.
type hanging struct {
	to   functions.Invoker
	wait <-chan struct{}
}

func (h hanging) Invoke(ctx context.Context, r functions.Request) (functions.Result, error) {
	<-h.wait
	return h.to.Invoke(ctx, r)
}

// Nobody names a key that they may not use.
func TestSenderKeysAreTheCallers(t *testing.T) {
	t.Parallel()
	w, _ := newTriggered(t, nil)
	denied := errors.New("AccessDenied by the key policy")
	w.s.DataKeys = func(context.Context, *pipeline.Call, string, map[string]string) (*kmsapi.GenerateDataKeyOutput, error) {
		return nil, denied
	}
	_, err := do(w, w.r.UpdateUserPool, w.s.UpdateUserPool, &api.UpdateUserPoolInput{UserPoolId: &w.pool, LambdaConfig: senders()})
	if !errors.Is(err, denied) {
		t.Error(err)
	}
	_, err = do(w, w.r.CreateUserPool, w.s.CreateUserPool, &api.CreateUserPoolInput{PoolName: new("p"), LambdaConfig: senders()})
	if !errors.Is(err, denied) {
		t.Error(err)
	}
}

// The other sources of messages are those of the operations that send them.
func TestSourcesOfMessages(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{CustomMessage: fn(trigger.CustomMessage)})
	w.member("ada", "email", "ada@example.com", "email_verified", "true")
	tokens := w.tokens(w.app, "ada")
	must(do(w, w.r.UpdateUserAttributes, w.s.UpdateUserAttributes, &api.UpdateUserAttributesInput{
		AccessToken: tokens.AccessToken, UserAttributes: attrs("email", "new@example.com"), ClientMetadata: map[string]string{"a": "b"},
	}))(t)
	l.golden(w, "CustomMessage_UpdateUserAttribute", "CustomMessage_UpdateUserAttribute")
	must(do(w, w.r.GetUserAttributeVerificationCode, w.s.GetUserAttributeVerificationCode, &api.GetUserAttributeVerificationCodeInput{
		AccessToken: tokens.AccessToken, AttributeName: new("email"),
	}))(t)
	l.golden(w, "CustomMessage_VerifyUserAttribute", "CustomMessage_VerifyUserAttribute")
	c := &scoped{w.s, w.s.NewRequest(t.Context(), nil, must(w.s.FactsOf(t.Context(), w.pool))(t))}
	u := &userpool.User{Username: "ada", Sub: "s", Attributes: map[string]string{"phone_number": "+15550100"}}
	out, err := c.messages().Customized(messages.Notice{Event: messages.ForAuthentication, Client: w.app}, u, messages.Destination{Attribute: "phone_number", Address: "+15550100"}, messages.Template{Body: "Code {####}"})
	if err != nil || out.Body != "Code {####}" {
		t.Errorf("%+v %v", out, err)
	}
	l.last(t, "CustomMessage_Authentication")
	must(do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
		UserPoolId: &w.pool, Username: new("ada"), UserAttributes: attrs("email", "third@example.com"),
	}))(t)
	if e := l.last(t, "CustomMessage_UpdateUserAttribute"); e["callerContext"].(map[string]any)["clientId"] != trigger.NoClient {
		t.Errorf("%v", e)
	}
}
