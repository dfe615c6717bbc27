package cognitoidp

import (
	"cmp"
	"errors"
	"html"
	"slices"
	"strings"
	"unicode/utf8"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/delivery"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The texts of messages unless the pool has its own ("Configuring email and phone verification messages").
const (
	codePlaceholder     = "{####}"
	usernamePlaceholder = "{username}"

	defaultCodeSubject   = "Your verification code"
	defaultCodeBody      = "Your confirmation code is " + codePlaceholder
	defaultCodeSMS       = "Your confirmation code is " + codePlaceholder
	defaultInviteSubject = "Your temporary password"
	defaultInviteBody    = "Your username is " + usernamePlaceholder + " and temporary password is " + codePlaceholder + ". "
)

// destination is an address of a user.
type destination struct{ attribute, address string }

func (d destination) medium() api.DeliveryMediumType {
	if d.attribute == "phone_number" {
		return api.DeliveryMediumTypeSms
	}
	return api.DeliveryMediumTypeEmail
}

// details is what the caller learns of where a code went.
func (d destination) details() *api.CodeDeliveryDetailsType {
	return &api.CodeDeliveryDetailsType{AttributeName: new(d.attribute), DeliveryMedium: d.medium(), Destination: new(mask(d.address))}
}

// mask hides all of an address but the first letter of its parts, or the last digits of a number.
func mask(address string) string {
	if local, domain, ok := strings.Cut(address, "@"); ok {
		return first(local) + "***@" + first(domain) + "***"
	}
	if n := len(address); n > 5 {
		return address[:1] + strings.Repeat("*", n-5) + address[n-4:]
	}
	return strings.Repeat("*", len(address))
}

func first(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// signUpDestination is where the code of a sign-up goes: the phone before the mail, as far as the pool verifies them.
func signUpDestination(p *userpool.Pool, u *userpool.User) (destination, bool) {
	for _, a := range []string{"phone_number", "email"} {
		if v := u.Attributes[a]; v != "" && slices.Contains(p.AutoVerified, a) {
			return destination{a, v}, true
		}
	}
	return destination{}, false
}

// recoveryDestination is where the code for a forgotten password goes: a verified address, by the pool's priorities.
func recoveryDestination(p *userpool.Pool, u *userpool.User) (destination, error) {
	order := []string{"phone_number", "email"}
	if r := p.Settings.Recovery; r != nil && len(r.RecoveryMechanisms) > 0 {
		order = nil
		byPriority := slices.SortedFunc(slices.Values(r.RecoveryMechanisms), func(a, b api.RecoveryOptionType) int {
			return cmp.Compare(opt.Value(a.Priority), opt.Value(b.Priority))
		})
		for _, m := range byPriority {
			switch m.Name {
			case api.RecoveryOptionNameTypeAdminOnly:
				return destination{}, api.NewNotAuthorizedException("Contact administrator to reset password.")
			case api.RecoveryOptionNameTypeVerifiedEmail:
				order = append(order, "email")
			case api.RecoveryOptionNameTypeVerifiedPhoneNumber:
				order = append(order, "phone_number")
			}
		}
		// Where a user's codes to sign in with go, none goes to set a password with: one mailbox would be both factors
		// ("SMS and email message MFA", Amazon Cognito Developer Guide). A pool without this setting is AWS's legacy.
		for _, f := range p.SecondFactors(u) {
			order = slices.DeleteFunc(order, func(a string) bool { return a == userpool.AddressOf(f) })
		}
	}
	for _, a := range order {
		if v := u.Attributes[a]; v != "" && u.Attributes[userpool.VerifiedFlag(a)] == "true" {
			return destination{a, v}, nil
		}
	}
	return destination{}, refusal.Invalid("Cannot reset password for the user as there is no registered/verified email or phone_number")
}

// template is the wording of a message.
type template struct {
	subject, body string
	// link is where the words lead that the body marks as a link, "" for a message without.
	link string
}

func codeTemplate(p *userpool.Pool, m api.DeliveryMediumType) template {
	set := &p.Settings
	t := set.Template
	if t == nil {
		t = &api.VerificationMessageTemplateType{}
	}
	if m == api.DeliveryMediumTypeSms {
		return template{body: firstOf(t.SmsMessage, set.SMSMessage, new(defaultCodeSMS))}
	}
	return template{
		subject: firstOf(t.EmailSubject, set.EmailSubject, new(defaultCodeSubject)),
		body:    firstOf(t.EmailMessage, set.EmailMessage, new(defaultCodeBody)),
	}
}

func inviteTemplate(p *userpool.Pool, m api.DeliveryMediumType) template {
	t := p.Settings.Invite
	if t == nil {
		t = &api.MessageTemplateType{}
	}
	if m == api.DeliveryMediumTypeSms {
		return template{body: firstOf(t.SMSMessage, new(defaultInviteBody))}
	}
	return template{subject: firstOf(t.EmailSubject, new(defaultInviteSubject)), body: firstOf(t.EmailMessage, new(defaultInviteBody))}
}

func firstOf(texts ...*string) string {
	for _, t := range texts {
		if t != nil && *t != "" {
			return *t
		}
	}
	return ""
}

// send delivers a message with its secret filled in: by the pool's custom sender if it has one, else in the words of its
// custom message trigger or its own. It is called outside of transactions.
func (c *scoped) send(n notice, u *userpool.User, d destination, t template, secret string) error {
	if n.quiet && messageFunction(c.Pool, d) {
		c.inBackground(n, u, d, t, secret)
		return nil
	}
	return c.sendNow(n, u, d, t, secret)
}

func (c *scoped) sendNow(n notice, u *userpool.User, d destination, t template, secret string) error {
	if sent, err := c.sentByFunction(n, u, d, secret); sent || err != nil {
		return err
	}
	t, err := c.customized(n, u, d, t)
	if err == nil && linked(c.Pool, n, d) {
		t.link, err = c.confirmAddress(n, u, secret)
	}
	if err != nil {
		return err
	}
	m := c.message(u, d, t, secret)
	m.Quiet = n.quiet
	return c.post(m)
}

// message fills a template. In what the pool wrote as HTML a name or a code is text, whatever it holds.
func (c *scoped) message(u *userpool.User, d destination, t template, secret string) Message {
	shown := u.Username
	if len(c.Pool.UsernameAttributes) > 0 {
		shown = d.address
	}
	text, rich := t.body, t.body
	if t.link != "" {
		text = fillLink(text, func(words string) string { return words + ": " + t.link })
		rich = fillLink(rich, func(words string) string { return `<a href="` + html.EscapeString(t.link) + `">` + words + "</a>" })
	}
	m := Message{
		Account: c.Pool.Account, Region: c.Pool.Region, Pool: c.Pool.ID, Medium: string(d.medium()), To: d.address,
		Username: u.Username, Subject: t.subject, Body: fill(text, secret, shown), Code: secret, Time: c.Call.Now,
	}
	if m.Medium == delivery.Email {
		m.HTML = fill(rich, html.EscapeString(secret), html.EscapeString(shown))
		if from := c.Pool.Settings.Email; from != nil {
			m.From, m.ReplyTo = opt.Value(from.From), opt.Value(from.ReplyToEmailAddress)
		}
	}
	return m
}

func fill(text, secret, username string) string {
	return strings.NewReplacer(codePlaceholder, secret, usernamePlaceholder, username).Replace(text)
}

func (c *scoped) post(m Message) error {
	return deliveryError(c.deliver.Deliver(c.Ctx, c.Call.Grant, m))
}

// deliveryError is what a caller learns of a failed delivery: how the mail server put it is for the log.
func deliveryError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, delivery.ErrLimited):
		return refusal.AttemptLimit().With(err)
	case errors.Is(err, delivery.ErrBusy):
		return refusal.TooManyRequests().With(err)
	}
	return api.NewCodeDeliveryFailureException("Unable to deliver the message.").With(err)
}

// sendCode delivers a code.
func (c *scoped) sendCode(n notice, u *userpool.User, d destination, plain string) error {
	t := codeTemplate(c.Pool, d.medium())
	if linked(c.Pool, n, d) {
		t = linkTemplate(c.Pool)
	}
	return c.send(n, u, d, t, plain)
}

// sendCodeOf delivers a code that anybody may ask for by a user's name. If the app client hides who is a user, nothing of
// the delivery may show: neither how long it takes nor that it fails.
func (c *scoped) sendCodeOf(n notice, app *userpool.Client, u *userpool.User, d destination, plain string) error {
	n.quiet = app.HideUsers
	return c.sendCode(n, u, d, plain)
}
