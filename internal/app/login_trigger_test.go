package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// lambda is one function that is all triggers of a pool. It returns events as they come unless it is told otherwise.
type lambda struct {
	mu       sync.Mutex
	response map[string]any
	failure  string // what it raises
	last     map[string]any
}

func (l *lambda) answer(event map[string]any) (map[string]any, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, _ = event["request"].(map[string]any)
	if l.response != nil {
		return l.response, l.failure
	}
	response, _ := event["response"].(map[string]any)
	return response, l.failure
}

// set says what the function does from now on.
func (l *lambda) set(response map[string]any, failure string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.response, l.failure = response, failure
}

// metadata is that of the last call, which is forgotten.
func (l *lambda) metadata() any {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.last["clientMetadata"]
	l.last = nil
	return got
}

// triggered makes a site whose pool has triggers.
func triggered(t testing.TB, triggers *types.LambdaConfigType) (*site, *lambda) {
	t.Helper()
	l := &lambda{}
	s := newSite(t, newFunctions(t, l.answer))
	s.trigger(triggers)
	return s, l
}

func (s *site) trigger(triggers *types.LambdaConfigType) {
	s.t.Helper()
	_, err := s.idp.UpdateUserPool(s.t.Context(), &idp.UpdateUserPoolInput{
		UserPoolId: &s.pool, LambdaConfig: triggers, AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
	})
	s.ok(err)
}

func tokenTrigger() *types.LambdaConfigType {
	return &types.LambdaConfigType{PreTokenGenerationConfig: &types.PreTokenGenerationVersionConfigType{
		LambdaArn: aws.String(function), LambdaVersion: types.PreTokenGenerationLambdaVersionTypeV30,
	}}
}

// TestClientMetadata passes aws_client_metadata to the function, and nothing that is not an object of strings.
func TestClientMetadata(t *testing.T) {
	t.Parallel()
	s, l := triggered(t, tokenTrigger())
	id, secret := s.newMachine()
	ask := func(text string) (int, map[string]any) {
		return s.exchange("grant_type", "client_credentials", "client_id", id, "client_secret", secret, "aws_client_metadata", text)
	}
	status, out := ask(`{"tenant":"acme","n":""}`)
	if got, _ := l.metadata().(map[string]any); status != http.StatusOK || len(got) != 2 || got["tenant"] != "acme" || got["n"] != "" {
		t.Error(status, out, got)
	}
	if status, out := ask(""); status != http.StatusOK || l.metadata() != nil {
		t.Error("none: ", status, out)
	}
	many := map[string]string{}
	for i := range 65 {
		many[strings.Repeat("x", i+1)] = ""
	}
	tooMany, err := json.Marshal(many)
	s.ok(err)
	for name, text := range map[string]string{
		"null": "null", "a list": `["a"]`, "text": `"a"`, "a number": `{"a":1}`, "an object": `{"a":{}}`, "a null": `{"a":null}`, "cut": `{"a":"b"`,
		"more after it": `{"a":"b"}{}`, "a long name": `{"` + strings.Repeat("x", 2049) + `":""}`,
		"a long value": `{"a":"` + strings.Repeat("x", 16385) + `"}`, "too many": string(tooMany),
	} {
		if status, out := ask(text); status != http.StatusBadRequest || out["error"] != "invalid_request" || l.metadata() != nil {
			t.Errorf("%s: HTTP %d %v", name, status, out)
		}
	}
}

// TestFailingTokenTrigger has the pre token generation trigger refuse and break at each grant. No grant is made, and it is
// the request's failure rather than the server's.
func TestFailingTokenTrigger(t *testing.T) {
	t.Parallel()
	s, l := triggered(t, tokenTrigger())
	g := s.grants()
	details := func(v any) map[string]any { return map[string]any{"claimsAndScopeOverrideDetails": v} }
	for name, tc := range map[string]struct {
		response      map[string]any
		failure       string
		code, message string
	}{
		"refuses":        {nil, `no <b>"tokens"</b>`, "invalid_grant", `PreTokenGeneration failed with error no <b>"tokens"</b>.`},
		"makes no sense": {details("x"), "", "invalid_request", "Unrecognizable lambda output"},
		"adds no scope": {
			details(map[string]any{"accessTokenGeneration": map[string]any{"scopesToAdd": []string{"a b"}}}), "",
			"invalid_request", "Invalid lambda function output : a scope is not a scope-token",
		},
	} {
		l.set(tc.response, tc.failure)
		g.refused(name, tc.code, tc.message)
	}
	l.set(nil, "")
	if status, out := s.renew(s.client, g.refresh); status != http.StatusOK {
		t.Error("after the failures: ", status, out)
	}
}

// TestMissingTokenTrigger has a pool with a trigger that cannot be called at all.
func TestMissingTokenTrigger(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	g := s.grants()
	s.trigger(tokenTrigger())
	g.refused("not there", "invalid_request", "PreTokenGeneration invocation failed since this server was started without --functions-endpoint.")
}

// grants are good requests for tokens.
type grants struct {
	*site
	browser    *browser
	refresh    any
	id, secret string
}

func (s *site) grants() *grants {
	s.t.Helper()
	s.newUser("ada")
	g := &grants{site: s, browser: s.browser()}
	g.refresh = s.codeTokens("ada", s.client)["refresh_token"]
	g.id, g.secret = s.newMachine()
	return g
}

// refused tries all of them.
func (g *grants) refused(name, code, message string) {
	g.t.Helper()
	fresh := g.browser.signIn("ada", word, g.request("prompt", "login")).Query().Get("code")
	for grant, form := range map[string][]string{
		"code":    {"grant_type", "authorization_code", "client_id", g.client, "code", fresh, "redirect_uri", callback, "code_verifier", verifier},
		"refresh": {"grant_type", "refresh_token", "client_id", g.client, "refresh_token", g.refresh.(string)},
		"client":  {"grant_type", "client_credentials", "client_id", g.id, "client_secret", g.secret},
	} {
		status, out := g.exchange(form...)
		if status != http.StatusBadRequest || out["error"] != code || out["error_description"] != message || out["access_token"] != nil {
			g.t.Errorf("%s, %s: HTTP %d %v", name, grant, status, out)
		}
	}
}

// TestFailingPageTriggers has triggers fail behind the pages, which tell what a function says as text.
func TestFailingPageTriggers(t *testing.T) {
	t.Parallel()
	s, l := triggered(t, &types.LambdaConfigType{PreAuthentication: aws.String(function), PreSignUp: aws.String(function)})
	s.newUser("ada")
	b := s.browser()
	form := func(path string) answer { return b.get(s.base + path + s.request().Encode()) }
	signIn := func() answer { return b.submit(form("/login?"), "username", "ada", "password", word) }
	signUp := func() answer {
		return b.submit(form("/signup?"), "username", "bob", "password", word, "email", "bob@example.com", "attribute.email", "bob@example.com")
	}
	l.set(nil, `<script>alert("x")</script>`)
	const escaped = "failed with error &lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;."
	for name, a := range map[string]answer{"PreAuthentication": signIn(), "PreSignUp": signUp()} {
		if b.shows(a, http.StatusOK, name+" "+escaped); strings.Contains(a.body, "<script>alert") || a.Header.Get("Location") != "" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if got := b.sent(b.get(s.base + "/oauth2/authorize?" + s.request("prompt", "none").Encode())).Query().Get("error"); got != "login_required" {
		t.Errorf("a browser that was refused: %q", got)
	}
}
