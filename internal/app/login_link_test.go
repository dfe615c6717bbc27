package app_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

var (
	plainLink = regexp.MustCompile(`https://[^\s)]+`)
	richLink  = regexp.MustCompile(`<a href="([^"]*)">([^<]*)</a>`)
)

// linkSite is a site whose pool confirms by link, at a domain.
func linkSite(t *testing.T) (*site, *post) {
	t.Helper()
	mail := newPost(t)
	s := newSite(t, mail.use)
	_, err := s.idp.UpdateUserPool(t.Context(), &idp.UpdateUserPoolInput{
		UserPoolId: &s.pool, AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
		VerificationMessageTemplate: &types.VerificationMessageTemplateType{
			DefaultEmailOption: types.DefaultEmailOptionTypeConfirmWithLink, EmailSubjectByLink: aws.String("Join Acme"),
			EmailMessageByLink: aws.String("<p>Hello. {##Yes, it is me##}</p>"),
		},
	})
	s.ok(err)
	return s, mail
}

func (s *site) join(name string) error {
	_, err := s.idp.SignUp(s.t.Context(), &idp.SignUpInput{
		ClientId: &s.client, Username: &name, Password: aws.String(word),
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(name + "@example.com")}},
	})
	return err
}

func (s *site) status(name string) types.UserStatusType {
	s.t.Helper()
	u, err := s.idp.AdminGetUser(s.t.Context(), &idp.AdminGetUserInput{UserPoolId: &s.pool, Username: &name})
	s.ok(err)
	return u.UserStatus
}

// link reads the link of the next message.
func (p *post) link() url.Values {
	p.t.Helper()
	m := p.next()
	u, err := url.Parse(plainLink.FindString(m["text"]))
	if err != nil || u.Host != "acme.auth.us-east-1.localhost" || u.Path != "/confirmUser" || m["subject"] != "Join Acme" {
		p.t.Fatalf("%v %+v", err, m)
	}
	if found := richLink.FindStringSubmatch(m["html"]); found == nil || html.UnescapeString(found[1]) != u.String() || found[2] != "Yes, it is me" {
		p.t.Fatalf("%+v", m)
	}
	return u.Query()
}

// A link in a mail leads to a page, and its button confirms; nothing else does, and nothing does so twice.
func TestConfirmByLink(t *testing.T) {
	t.Parallel()
	s, mail := linkSite(t)
	if err := s.join("early"); err == nil || !strings.Contains(err.Error(), "has no domain for the link") {
		t.Fatal(err)
	}
	if _, err := s.idp.AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: &s.pool, Username: aws.String("early")}); err == nil {
		t.Error("who cannot be sent a link was signed up")
	}
	_, err := s.idp.CreateUserPoolDomain(t.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &s.pool, Domain: aws.String("acme")})
	s.ok(err)
	s.ok(s.join("a&b"))
	link := mail.link()
	b := s.browser()
	b.host = "acme.auth.us-east-1.localhost"
	open := func(pairs ...string) answer {
		t.Helper()
		q := url.Values{}
		for name := range link {
			q.Set(name, link.Get(name))
		}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return b.shows(b.get(s.url+"/confirmUser?"+q.Encode()), http.StatusOK, "Press the button")
	}
	page := open()
	if s.status("a&b") != types.UserStatusTypeUnconfirmed {
		t.Fatal("opening a link confirms")
	}
	const refused = "The link is not valid, was used already or has expired."
	for what, pairs := range map[string][]string{
		"wrong code": {"confirmation_code", "x"}, "no code": {"confirmation_code", ""}, "other user": {"user_name", "nobody"}, "no client": {"client_id", "nosuch"},
	} {
		if a := b.submit(open(pairs...)); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, refused) {
			t.Errorf("%s: HTTP %d: %s", what, a.StatusCode, a.body)
		}
	}
	stranger := s.browser()
	stranger.host = b.host
	stranger.shows(stranger.submit(page), http.StatusForbidden, "open the link in your mail again")
	b.shows(b.submit(page, "form_token", "x"), http.StatusForbidden)
	if s.status("a&b") != types.UserStatusTypeUnconfirmed {
		t.Fatal("confirmed by a request that was refused")
	}
	b.shows(b.submit(page), http.StatusOK, "Your account is confirmed")
	if s.status("a&b") != types.UserStatusTypeConfirmed {
		t.Fatal(s.status("a&b"))
	}
	b.shows(b.submit(page), http.StatusBadRequest, refused)
	b.shows(b.get(s.url+"/confirmUser?"+link.Encode()+"&user_name=eve"), http.StatusBadRequest)
}

// A code confirms in its own pool only, and one client of a pool is nothing to another pool.
func TestConfirmByLinkOfAnotherPool(t *testing.T) {
	t.Parallel()
	s, mail := linkSite(t)
	_, err := s.idp.CreateUserPoolDomain(t.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &s.pool, Domain: aws.String("acme")})
	s.ok(err)
	s.ok(s.join("ada"))
	link := mail.link()
	other, err := s.idp.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("Other")})
	s.ok(err)
	theirs, err := s.idp.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: other.UserPool.Id, ClientName: aws.String("c")})
	s.ok(err)
	b := s.browser()
	for _, base := range []string{s.base, s.url + "/" + *other.UserPool.Id} {
		for _, client := range []string{s.client, *theirs.UserPoolClient.ClientId} {
			if base == s.base && client == s.client {
				continue
			}
			link.Set("client_id", client)
			b.shows(b.submit(b.get(base+"/confirmUser?"+link.Encode())), http.StatusBadRequest, "The link is not valid")
		}
	}
	if s.status("ada") != types.UserStatusTypeUnconfirmed {
		t.Error("confirmed through another pool")
	}
	// A client that holds a secret and has no managed login confirms as well: who reads the mail has no part in its secret.
	private, err := s.idp.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &s.pool, ClientName: aws.String("c"), GenerateSecret: true})
	s.ok(err)
	link.Set("client_id", *private.UserPoolClient.ClientId)
	b.shows(b.submit(b.get(s.base+"/confirmUser?"+link.Encode())), http.StatusOK, "Your account is confirmed")
}

// The sign-up page says that a link was sent, and sends another one.
func TestSignUpPageByLink(t *testing.T) {
	t.Parallel()
	s, mail := linkSite(t)
	_, err := s.idp.CreateUserPoolDomain(t.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &s.pool, Domain: aws.String("acme")})
	s.ok(err)
	b := s.browser()
	page := b.submit(b.get(b.base+"/signup?"+s.request().Encode()), "username", "ada", "password", word, "attribute.email", "ada@example.com")
	b.shows(page, http.StatusOK, "We sent a link to")
	mail.link()
	b.shows(b.submit(page), http.StatusOK, "A new link is on its way.")
	b.shows(b.submit(b.get(s.base+"/confirmUser?"+mail.link().Encode())), http.StatusOK, "Your account is confirmed")
}
