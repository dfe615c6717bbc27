package cognitoidp

import (
	"cmp"
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The texts of mail with a link unless the pool has its own ("Customizing email verification messages", Amazon Cognito
// Developer Guide).
const (
	defaultLinkSubject = "Your verification link"
	defaultLinkBody    = "Please confirm your email address: {##Confirm my address##}"
)

// linkForm is where a link goes in a message, around the words that it has.
var linkForm = regexp.MustCompile(`\{##([^\x00]*?)##\}`)

// PathConfirm is where links lead that confirm users, at a pool's domain.
const PathConfirm = "/confirmUser"

// The parameters of such links.
const (
	LinkClient   = "client_id"
	LinkUsername = "user_name"
	LinkCode     = "confirmation_code"
)

// checkLinks refuses what sends links in a pool that has no place for them to lead to. Nobody's name matters to it, so
// that it tells nothing of who is a user.
func checkLinkMessages(p *userpool.Pool) error {
	if p.ConfirmsByLink() && slices.Contains(p.AutoVerified, "email") && len(p.Domains) == 0 {
		return refusal.Invalid("The user pool confirms users by link and has no domain for the link.")
	}
	return nil
}

// linked reports whether a message holds a link: those by which users confirm that they signed up.
func linked(p *userpool.Pool, n notice, d destination) bool {
	return p.ConfirmsByLink() && d.attribute == "email" && n.client != "" && (n.event == noticeSignUp || n.event == noticeResend)
}

func linkTemplate(p *userpool.Pool) template {
	t := p.Settings.Template
	return template{
		subject: firstOf(t.EmailSubjectByLink, new(defaultLinkSubject)), body: firstOf(t.EmailMessageByLink, new(defaultLinkBody)),
	}
}

// confirmAddress is the address at which a user confirms a sign-up.
func (c *scoped) confirmAddress(n notice, u *userpool.User, code string) (string, error) {
	if err := checkLinkMessages(c.Pool); err != nil {
		return "", err
	}
	query := url.Values{LinkClient: {n.client}, LinkUsername: {u.Username}, LinkCode: {code}}
	return c.home() + PathConfirm + "?" + query.Encode(), nil
}

// home is the address of the pool's pages: at its custom domain before its prefix, with the scheme and port at which the
// server is reached.
func (c *scoped) home() string {
	best := &c.Pool.Domains[0]
	for i := range c.Pool.Domains {
		if d := &c.Pool.Domains[i]; d.Custom() {
			best = d
		}
	}
	scheme, host := "https", c.host(best)
	if u, err := url.Parse(c.IssuerURL); err == nil {
		scheme = cmp.Or(u.Scheme, scheme)
		if port := u.Port(); port != "" {
			host += ":" + port
		}
	}
	return scheme + "://" + host
}

// fillLink puts a link in place of the words that are to show it.
func fillLink(text string, show func(words string) string) string {
	return linkForm.ReplaceAllStringFunc(text, func(found string) string {
		return show(strings.TrimSuffix(strings.TrimPrefix(found, "{##"), "##}"))
	})
}

// ConfirmByLink implements login.Service. It is ConfirmSignUp by whoever reads the user's mail, for any app client of the
// pool: links work for those too that have no managed login.
func (o *oauth) ConfirmByLink(ctx context.Context, call *pipeline.Call, in *login.ConfirmByLinkInput) (*login.ConfirmByLinkOutput, error) {
	c, err := o.s.in(ctx, call, in.PoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	call.Note("clientId", app.ID)
	a := &authorization{scoped: c, app: app}
	hash, err := a.secretHash(opt.Value(in.Username))
	if err != nil {
		return nil, err
	}
	_, err = public[api.ConfirmSignUpOutput](a, "ConfirmSignUp", &api.ConfirmSignUpInput{
		ClientId: new(app.ID), SecretHash: hash, Username: in.Username, ConfirmationCode: in.Code,
	})
	return &login.ConfirmByLinkOutput{}, err
}
