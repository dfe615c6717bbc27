package messages

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The texts of mail with a link unless the pool has its own ("Customizing email verification messages", Amazon Cognito
// Developer Guide).
const (
	DefaultLinkSubject = "Your verification link"
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

// CheckLinks refuses what sends links in a pool that has no place for them to lead to. Nobody's name matters to it, so
// that it tells nothing of who is a user.
func CheckLinks(p *userpool.Pool) error {
	if p.ConfirmsByLink() && slices.Contains(p.AutoVerified, "email") && len(p.Domains) == 0 {
		return refusal.Invalid("The user pool confirms users by link and has no domain for the link.")
	}
	return nil
}

// linked reports whether a message holds a link: those by which users confirm that they signed up.
func linked(p *userpool.Pool, n Notice, d Destination) bool {
	return p.ConfirmsByLink() && d.Attribute == "email" && n.Client != "" && (n.Event == ForSignUp || n.Event == ForResend)
}

func linkTemplate(p *userpool.Pool) Template {
	t := p.Settings.Template
	return Template{
		Subject: FirstOf(t.EmailSubjectByLink, new(DefaultLinkSubject)), Body: FirstOf(t.EmailMessageByLink, new(defaultLinkBody)),
	}
}

// confirmAddress is the address at which a user confirms a sign-up.
func (c *Request) confirmAddress(n Notice, u *userpool.User, code string) (string, error) {
	if err := CheckLinks(c.Pool); err != nil {
		return "", err
	}
	query := url.Values{LinkClient: {n.Client}, LinkUsername: {u.Username}, LinkCode: {code}}
	return c.home() + PathConfirm + "?" + query.Encode(), nil
}

// home is the address of the pool's pages: at its custom domain before its prefix, with the scheme and port at which the
// server is reached.
func (c *Request) home() string {
	best := &c.Pool.Domains[0]
	for i := range c.Pool.Domains {
		if d := &c.Pool.Domains[i]; d.Custom() {
			best = d
		}
	}
	scheme, host := "https", c.HostOf(c.Pool, best)
	if u, err := url.Parse(c.issuerURL); err == nil {
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
