package mailpage_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bulkhead/bulkhead/internal/app/apptest"
	"github.com/bulkhead/bulkhead/internal/client"
)

// browser keeps cookies as one does.
type browser struct {
	t    *testing.T
	http *http.Client
	base string
}

func newBrowser(t *testing.T, s *apptest.Server) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar}, *s.Root.BaseEndpoint}
}

func (b *browser) get(path, host string) (int, http.Header, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func link(t *testing.T, c aws.Config) (string, error) {
	t.Helper()
	var out struct{ Path string }
	err := client.Do(t.Context(), c, http.MethodPost, "/-/api/v1/mailbox/links", map[string]any{}, &out)
	return out.Path, err
}

func signUp(t *testing.T, c aws.Config, name string) {
	t.Helper()
	ctx, idp := context.WithoutCancel(t.Context()), cip.NewFromConfig(c)
	pool, err := idp.CreateUserPool(ctx, &cip.CreateUserPoolInput{
		PoolName: aws.String("p"), AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
		EmailVerificationMessage: aws.String("{####} <script>alert(1)</script>"),
	})
	if err != nil {
		t.Fatal(err)
	}
	app, err := idp.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{UserPoolId: pool.UserPool.Id, ClientName: aws.String("a")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = idp.SignUp(ctx, &cip.SignUpInput{
		ClientId: app.UserPoolClient.ClientId, Username: &name, Password: aws.String("Correct-Horse-1"),
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String("ana@example.com")}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	signUp(t, s.Root, "<b>ana")
	b := newBrowser(t, s)
	if status, _, body := b.get("/-/mail", ""); status != http.StatusUnauthorized || strings.Contains(body, "ana@") {
		t.Fatalf("without a link the page answers %d", status)
	}
	path, err := link(t, s.Root)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Head(b.base + path); err != nil || resp.StatusCode != http.StatusNoContent {
		t.Errorf("a look at the link: %v", err)
	}
	status, header, body := b.get(path, "")
	if status != http.StatusOK || !strings.Contains(body, "ana@example.com") || !strings.Contains(body, "data-copy=\"") {
		t.Fatalf("with the link the page answers %d\n%s", status, body)
	}
	if strings.Contains(body, "<b>ana") || strings.Contains(body, "<script>alert") {
		t.Error("what users and pools write is HTML in the page")
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
	} {
		if !strings.HasPrefix(header.Get(name), want) {
			t.Errorf("%s is %q", name, header.Get(name))
		}
	}
	if status, _, _ := b.get("/-/mail", ""); status != http.StatusOK {
		t.Errorf("the session does not last: %d", status)
	}
	if status, _, _ := newBrowser(t, s).get(path, ""); status != http.StatusUnauthorized {
		t.Errorf("the link opens twice: %d", status)
	}
	for _, file := range []string{"page.css", "page.js"} {
		if status, _, _ := newBrowser(t, s).get("/-/mail/static/"+file, ""); status != http.StatusOK {
			t.Errorf("%s: %d", file, status)
		}
	}
}

// A site of another name that leads to this address reads nothing, with the link or with the session.
func TestRebinding(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	path, err := link(t, s.Root)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, s)
	if status, _, _ := b.get(path, "evil.example"); status != http.StatusUnauthorized {
		t.Errorf("the link opens under another name: %d", status)
	}
	if status, _, _ := b.get(path, ""); status != http.StatusOK {
		t.Errorf("trying it elsewhere used the link up: %d", status)
	}
	if status, _, _ := b.get("/-/mail", "evil.example"); status != http.StatusUnauthorized {
		t.Errorf("the session is good under another name: %d", status)
	}
}

func TestForgedPasses(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	path, err := link(t, s.Root)
	if err != nil {
		t.Fatal(err)
	}
	ticket := path[strings.Index(path, "=")+1:]
	jar, _ := cookiejar.New(nil)
	b := newBrowser(t, s)
	b.http.Jar = jar
	for _, forged := range []string{"", "x", apptest.Account + ".", apptest.Account + ".AAAA", "444455556666" + ticket[12:], ticket[:len(ticket)-4] + "AAAA"} {
		if status, _, _ := b.get("/-/mail/open?ticket="+forged, ""); status != http.StatusUnauthorized {
			t.Errorf("%q answers %d", forged, status)
		}
	}
	// a link is no session
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/-/mail", nil)
	req.AddCookie(&http.Cookie{Name: "bulkhead-mail", Value: ticket})
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a link is taken for a session: %d", resp.StatusCode)
	}
}

// Who may not list messages gets no link, whatever else it may do; and the link shows the account's own mailbox only.
func TestWhoGetsLinks(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	signUp(t, s.Root, "ana")
	for i, action := range []string{"bulkhead:ListMessages", "bulkhead:CreateMailboxLink"} {
		by := s.User(s.Root, "u"+string(rune('0'+i)), apptest.AllBut(action))
		_, err := link(t, by)
		var e *client.Error
		if !errors.As(err, &e) || e.Code != "AccessDeniedException" {
			t.Errorf("without %s: %v", action, err)
		}
	}
	_, other := s.OtherAccount("second")
	path, err := link(t, other)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, body := newBrowser(t, s).get(path, ""); status != http.StatusOK || strings.Contains(body, "ana@") {
		t.Errorf("another account's link answers %d with the messages: %t", status, strings.Contains(body, "ana@"))
	}
}
