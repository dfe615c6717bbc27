// Package messages makes the codes that show whose an address is, and gets them and invitations to users: in the words of the
// pool or of its functions, by its custom senders, by mail or text message, or into the local mailbox.
package messages

import (
	"cmp"
	"errors"
	"html"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/delivery"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The texts of messages unless the pool has its own ("Configuring email and phone verification messages").
const (
	CodePlaceholder     = "{####}"
	usernamePlaceholder = "{username}"

	DefaultCodeSubject   = "Your verification code"
	defaultCodeBody      = "Your confirmation code is " + CodePlaceholder
	defaultCodeSMS       = "Your confirmation code is " + CodePlaceholder
	defaultInviteSubject = "Your temporary password"
	defaultInviteBody    = "Your username is " + usernamePlaceholder + " and temporary password is " + CodePlaceholder + ". "
)

// Courier delivers the messages of all pools.
type Courier struct {
	*userpool.Store
	// Deliverer sends them.
	Deliverer Deliverer
	// DataKeys makes the keys of custom senders.
	DataKeys DataKeys

	triggers  *trigger.Caller
	issuerURL string
	log       *slog.Logger
	// background holds a place for each quiet message that waits for a function.
	background chan struct{}
}

// NewCourier returns a courier for the pools in a store. What goes wrong after an answer goes to the log. Links in messages
// have the scheme and port of issuerURL.
func NewCourier(s *userpool.Store, t *trigger.Caller, d Deliverer, issuerURL string, log *slog.Logger) *Courier {
	return &Courier{
		Store: s, triggers: t, Deliverer: d, DataKeys: generateDataKey, issuerURL: issuerURL, log: log,
		background: make(chan struct{}, maxBackground),
	}
}

// Request is a request within one pool that sends messages and takes the codes in them.
type Request struct {
	*Courier
	*userpool.Request
}

// For is a request with the courier at hand.
func (s *Courier) For(c *userpool.Request) *Request { return &Request{s, c} }

// Destination is an address of a user.
type Destination struct{ Attribute, Address string }

// Medium is how messages go to the destination.
func (d Destination) Medium() api.DeliveryMediumType {
	if d.Attribute == "phone_number" {
		return api.DeliveryMediumTypeSms
	}
	return api.DeliveryMediumTypeEmail
}

// Details is what the caller learns of where a code went.
func (d Destination) Details() *api.CodeDeliveryDetailsType {
	return &api.CodeDeliveryDetailsType{AttributeName: new(d.Attribute), DeliveryMedium: d.Medium(), Destination: new(Mask(d.Address))}
}

// Mask hides all of an address but the first letter of its parts, or the last digits of a number.
func Mask(address string) string {
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

// SignUpDestination is where the code of a sign-up goes: the phone before the mail, as far as the pool verifies them.
func SignUpDestination(p *userpool.Pool, u *userpool.User) (Destination, bool) {
	for _, a := range []string{"phone_number", "email"} {
		if v := u.Attributes[a]; v != "" && slices.Contains(p.AutoVerified, a) {
			return Destination{a, v}, true
		}
	}
	return Destination{}, false
}

// RecoveryDestination is where the code for a forgotten password goes: a verified address, by the pool's priorities.
func RecoveryDestination(p *userpool.Pool, u *userpool.User) (Destination, error) {
	order := []string{"phone_number", "email"}
	if r := p.Settings.Recovery; r != nil && len(r.RecoveryMechanisms) > 0 {
		order = nil
		byPriority := slices.SortedFunc(slices.Values(r.RecoveryMechanisms), func(a, b api.RecoveryOptionType) int {
			return cmp.Compare(opt.Value(a.Priority), opt.Value(b.Priority))
		})
		for _, m := range byPriority {
			switch m.Name {
			case api.RecoveryOptionNameTypeAdminOnly:
				return Destination{}, api.NewNotAuthorizedException("Contact administrator to reset password.")
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
			return Destination{a, v}, nil
		}
	}
	return Destination{}, refusal.Invalid("Cannot reset password for the user as there is no registered/verified email or phone_number")
}

// Template is the wording of a message.
type Template struct {
	Subject, Body string
	// link is where the words lead that the body marks as a link, "" for a message without.
	link string
}

func codeTemplate(p *userpool.Pool, m api.DeliveryMediumType) Template {
	set := &p.Settings
	t := set.Template
	if t == nil {
		t = &api.VerificationMessageTemplateType{}
	}
	if m == api.DeliveryMediumTypeSms {
		return Template{Body: FirstOf(t.SmsMessage, set.SMSMessage, new(defaultCodeSMS))}
	}
	return Template{
		Subject: FirstOf(t.EmailSubject, set.EmailSubject, new(DefaultCodeSubject)),
		Body:    FirstOf(t.EmailMessage, set.EmailMessage, new(defaultCodeBody)),
	}
}

// InviteTemplate is the wording of invitations, the pool's own before the default.
func InviteTemplate(p *userpool.Pool, m api.DeliveryMediumType) Template {
	t := p.Settings.Invite
	if t == nil {
		t = &api.MessageTemplateType{}
	}
	if m == api.DeliveryMediumTypeSms {
		return Template{Body: FirstOf(t.SMSMessage, new(defaultInviteBody))}
	}
	return Template{Subject: FirstOf(t.EmailSubject, new(defaultInviteSubject)), Body: FirstOf(t.EmailMessage, new(defaultInviteBody))}
}

// FirstOf is the first text that is there and not empty, or "".
func FirstOf(texts ...*string) string {
	for _, t := range texts {
		if t != nil && *t != "" {
			return *t
		}
	}
	return ""
}

// Send delivers a message with its secret filled in: by the pool's custom sender if it has one, else in the words of its
// custom message trigger or its own. It is called outside of transactions.
func (c *Request) Send(n Notice, u *userpool.User, d Destination, t Template, secret string) error {
	if n.Quiet && messageFunction(c.Pool, d) {
		c.inBackground(n, u, d, t, secret)
		return nil
	}
	return c.sendNow(n, u, d, t, secret)
}

func (c *Request) sendNow(n Notice, u *userpool.User, d Destination, t Template, secret string) error {
	if sent, err := c.sentByFunction(n, u, d, secret); sent || err != nil {
		return err
	}
	t, err := c.Customized(n, u, d, t)
	if err == nil && linked(c.Pool, n, d) {
		t.link, err = c.confirmAddress(n, u, secret)
	}
	if err != nil {
		return err
	}
	m := c.message(u, d, t, secret)
	m.Quiet = n.Quiet
	return c.post(m)
}

// message fills a template. In what the pool wrote as HTML a name or a code is text, whatever it holds.
func (c *Request) message(u *userpool.User, d Destination, t Template, secret string) Message {
	shown := u.Username
	if len(c.Pool.UsernameAttributes) > 0 {
		shown = d.Address
	}
	text, rich := t.Body, t.Body
	if t.link != "" {
		text = fillLink(text, func(words string) string { return words + ": " + t.link })
		rich = fillLink(rich, func(words string) string { return `<a href="` + html.EscapeString(t.link) + `">` + words + "</a>" })
	}
	m := Message{
		Account: c.Pool.Account, Region: c.Pool.Region, Pool: c.Pool.ID, Medium: string(d.Medium()), To: d.Address,
		Username: u.Username, Subject: t.Subject, Body: fill(text, secret, shown), Code: secret, Time: c.Call.Now,
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
	return strings.NewReplacer(CodePlaceholder, secret, usernamePlaceholder, username).Replace(text)
}

func (c *Request) post(m Message) error {
	return deliveryError(c.Deliverer.Deliver(c.Ctx, c.Call.Grant, m))
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

// SendCode delivers a code.
func (c *Request) SendCode(n Notice, u *userpool.User, d Destination, plain string) error {
	t := codeTemplate(c.Pool, d.Medium())
	if linked(c.Pool, n, d) {
		t = linkTemplate(c.Pool)
	}
	return c.Send(n, u, d, t, plain)
}

// SendCodeOf delivers a code that anybody may ask for by a user's name. If the app client hides who is a user, nothing of
// the delivery may show: neither how long it takes nor that it fails.
func (c *Request) SendCodeOf(n Notice, app *userpool.Client, u *userpool.User, d Destination, plain string) error {
	n.Quiet = app.HideUsers
	return c.SendCode(n, u, d, plain)
}
