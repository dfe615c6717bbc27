package app_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/app/apptest"
)

const (
	callback = "https://app.example.com/callback"
	signout  = "https://app.example.com/bye"
	word     = "Correct-Horse-1"
	verifier = "a-code-verifier-that-is-long-enough-to-be-one-0123456789"
)

// site is a server with a pool, a public client and a confidential one, as applications meet it.
type site struct {
	t      testing.TB
	url    string // of the server
	base   string // of the pool's endpoints
	pool   string
	client string
	idp    *idp.Client
	root   aws.Config
}

func newSite(t testing.TB, edit func(*app.Config)) *site {
	t.Helper()
	server := apptest.Start(t, edit)
	s := &site{t: t, url: *server.Root.BaseEndpoint, idp: idp.NewFromConfig(server.Root), root: server.Root}
	made, err := s.idp.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{
		PoolName: aws.String("Acme"), AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
	})
	s.ok(err)
	s.pool = *made.UserPool.Id
	s.base = s.url + "/" + s.pool
	s.client = s.newClient(func(in *idp.CreateUserPoolClientInput) {})
	return s
}

func (s *site) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// newClient makes a public client for the authorization code grant, after edit.
func (s *site) newClient(edit func(*idp.CreateUserPoolClientInput)) string {
	s.t.Helper()
	in := &idp.CreateUserPoolClientInput{
		UserPoolId: &s.pool, ClientName: aws.String("Acme App"), AllowedOAuthFlowsUserPoolClient: true,
		AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeCode}, AllowedOAuthScopes: []string{"openid", "email", "profile"},
		CallbackURLs: []string{callback}, LogoutURLs: []string{signout}, SupportedIdentityProviders: []string{"COGNITO"},
		PreventUserExistenceErrors: types.PreventUserExistenceErrorTypesEnabled,
	}
	edit(in)
	made, err := s.idp.CreateUserPoolClient(s.t.Context(), in)
	s.ok(err)
	return *made.UserPoolClient.ClientId
}

func (s *site) newUser(name string) {
	s.t.Helper()
	ctx := s.t.Context()
	_, err := s.idp.AdminCreateUser(ctx, &idp.AdminCreateUserInput{
		UserPoolId: &s.pool, Username: &name, MessageAction: types.MessageActionTypeSuppress, UserAttributes: []types.AttributeType{
			{Name: aws.String("email"), Value: aws.String(name + "@example.com")}, {Name: aws.String("email_verified"), Value: aws.String("true")},
		},
	})
	s.ok(err)
	_, err = s.idp.AdminSetUserPassword(ctx, &idp.AdminSetUserPasswordInput{UserPoolId: &s.pool, Username: &name, Password: aws.String(word), Permanent: true})
	s.ok(err)
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request is a good authorization request of a client, after edits of pairs.
func (s *site) request(pairs ...string) url.Values {
	v := url.Values{
		"client_id": {s.client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email"}, "state": {"st&<4te>"},
		"nonce": {"n0nce"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// answer is what came back, its body read.
type answer struct {
	*http.Response
	body string
}

// browser is a browser that follows redirects by itself only when told to.
type browser struct {
	*site
	client *http.Client
	// from is the client's address as a proxy tells it; "" is this machine's.
	from string
	// host is what the browser sees in place of the server's address; "" for just that.
	host string
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	s.ok(err)
	return &browser{site: s, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	if b.from != "" {
		r.Header.Set("X-Forwarded-For", b.from)
	}
	if b.host != "" {
		r.Host = b.host
	}
	resp, err := b.client.Do(r)
	b.ok(err)
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(resp.Body)
	b.ok(err)
	return answer{resp, string(text)}
}

func (b *browser) get(address string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	b.ok(err)
	return b.do(r)
}

func (b *browser) post(address string, form url.Values) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	b.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

var (
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
)

// submit fills the first form of a page in and sends it.
func (b *browser) submit(page answer, pairs ...string) answer {
	b.t.Helper()
	action := formAction.FindStringSubmatch(page.body)
	if action == nil {
		b.t.Fatalf("HTTP %d has no form: %s", page.StatusCode, page.body)
	}
	_, rest, _ := strings.Cut(page.body, action[0])
	text, _, _ := strings.Cut(rest, "</form>")
	form := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(text, -1) {
		form.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.post(b.url+html.UnescapeString(action[1]), form)
}

// follow goes where the answer sends the browser, on the server itself.
func (b *browser) follow(a answer) answer {
	b.t.Helper()
	to := a.Header.Get("Location")
	if a.StatusCode != http.StatusFound || !strings.HasPrefix(to, "/") {
		b.t.Fatalf("HTTP %d to %q: %s", a.StatusCode, to, a.body)
	}
	return b.get(b.url + to)
}

// signIn signs a user in and returns where the browser is sent.
func (b *browser) signIn(name, password string, request url.Values) *url.URL {
	b.t.Helper()
	page := b.follow(b.get(b.base + "/oauth2/authorize?" + request.Encode()))
	return b.sent(b.submit(page, "username", name, "password", password))
}

// sent is where an answer sends the browser, elsewhere.
func (b *browser) sent(a answer) *url.URL {
	b.t.Helper()
	if a.StatusCode != http.StatusFound {
		b.t.Fatalf("HTTP %d: %s", a.StatusCode, a.body)
	}
	u, err := url.Parse(a.Header.Get("Location"))
	b.ok(err)
	return u
}

// exchange sends a request to the token endpoint.
func (s *site) exchange(pairs ...string) (status int, out map[string]any) {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	a := s.browser().post(s.base+"/oauth2/token", form)
	s.ok(json.Unmarshal([]byte(a.body), &out))
	return a.StatusCode, out
}

func claimsOf(t testing.TB, token any) map[string]any {
	t.Helper()
	text, _ := token.(string)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("%v is no token", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCodeGrant goes the whole way of an application, and looks at what it gets.
func TestCodeGrant(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newUser("ada")
	b := s.browser()
	to := b.signIn("ada", word, s.request())
	q := to.Query()
	if !strings.HasPrefix(to.String(), callback+"?") || q.Get("state") != "st&<4te>" || q.Get("code") == "" {
		t.Fatal(to)
	}
	status, tokens := s.exchange("grant_type", "authorization_code", "client_id", s.client, "code", q.Get("code"),
		"redirect_uri", callback, "code_verifier", verifier)
	if status != http.StatusOK || tokens["token_type"] != "Bearer" || tokens["expires_in"] != 3600.0 || tokens["refresh_token"] == nil {
		t.Fatal(status, tokens)
	}
	id, access := claimsOf(t, tokens["id_token"]), claimsOf(t, tokens["access_token"])
	sum := sha256.Sum256([]byte(tokens["access_token"].(string)))
	for name, want := range map[string]any{
		"aud": s.client, "nonce": "n0nce", "email": "ada@example.com", "email_verified": true, "token_use": "id", "cognito:username": "ada",
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	} {
		if id[name] != want {
			t.Errorf("the ID token's %s is %v, not %v", name, id[name], want)
		}
	}
	if access["scope"] != "openid email" || access["client_id"] != s.client || access["version"] != 2.0 {
		t.Error(access)
	}
	status, again := s.exchange("grant_type", "refresh_token", "client_id", s.client, "refresh_token", tokens["refresh_token"].(string))
	if status != http.StatusOK || claimsOf(t, again["access_token"])["scope"] != "openid email" || again["refresh_token"] != nil {
		t.Error(status, again)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/oauth2/userInfo", nil)
	s.ok(err)
	r.Header.Set("Authorization", "Bearer "+tokens["access_token"].(string))
	info := b.do(r)
	if info.StatusCode != http.StatusOK || !strings.Contains(info.body, `"email":"ada@example.com"`) || strings.Contains(info.body, "custom") {
		t.Error(info.StatusCode, info.body)
	}
	// the browser is remembered by the pool's other clients
	other := s.newClient(func(*idp.CreateUserPoolClientInput) {})
	if to := b.sent(b.get(s.base + "/oauth2/authorize?" + s.request("client_id", other, "prompt", "none").Encode())); to.Query().Get("code") == "" {
		t.Error(to)
	}
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	id, secret := s.newMachine()
	status, out := s.exchange("grant_type", "client_credentials", "client_id", id, "client_secret", secret, "scope", "orders/read")
	if status != http.StatusOK || out["id_token"] != nil || out["refresh_token"] != nil {
		t.Fatal(status, out)
	}
	access := claimsOf(t, out["access_token"])
	if access["sub"] != id || access["client_id"] != id || access["scope"] != "orders/read" || access["username"] != nil {
		t.Error(access)
	}
}

// newMachine makes a client for client credentials with the scopes orders/read and orders/write.
func (s *site) newMachine() (id, secret string) {
	s.t.Helper()
	_, err := s.idp.CreateResourceServer(s.t.Context(), &idp.CreateResourceServerInput{
		UserPoolId: &s.pool, Identifier: aws.String("orders"), Name: aws.String("Orders"), Scopes: []types.ResourceServerScopeType{
			{ScopeName: aws.String("read"), ScopeDescription: aws.String("Read")}, {ScopeName: aws.String("write"), ScopeDescription: aws.String("Write")},
		},
	})
	s.ok(err)
	made, err := s.idp.CreateUserPoolClient(s.t.Context(), &idp.CreateUserPoolClientInput{
		UserPoolId: &s.pool, ClientName: aws.String("Machine"), GenerateSecret: true, AllowedOAuthFlowsUserPoolClient: true,
		AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeClientCredentials}, AllowedOAuthScopes: []string{"orders/read", "orders/write"},
	})
	s.ok(err)
	return *made.UserPoolClient.ClientId, *made.UserPoolClient.ClientSecret
}
