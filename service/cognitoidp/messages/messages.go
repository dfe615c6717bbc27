package messages

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/esdk"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Notice says why a message is sent: what the custom message and custom sender triggers are told beside the user.
type Notice struct {
	Event  string // the end of the trigger source
	Client string // the app client's id, "" for an administrator's message
	Meta   map[string]string
	// Quiet messages are for requests whose answer must not tell whether anything was sent, nor by the time it takes.
	Quiet bool
}

// messageFunction reports whether a function has part in messages to the destination.
func messageFunction(p *userpool.Pool, d Destination) bool {
	sender := trigger.CustomEmailSender
	if d.Attribute == "phone_number" {
		sender = trigger.CustomSMSSender
	}
	return trigger.FunctionOf(p, sender) != "" || trigger.FunctionOf(p, trigger.CustomMessage) != ""
}

// maxBackground is how many quiet messages may wait for functions at once. More of them are dropped: who waits for a
// code asks again.
const maxBackground = 256

// inBackground sends a message after the answer: a function that is only called for users would tell them apart from
// nobodies by its time. What goes wrong is for the log.
func (c *Request) inBackground(n Notice, u *userpool.User, d Destination, t Template, secret string) {
	lost := func(why error) {
		c.log.Warn("a message was not sent", "pool", c.Pool.ID, "event", n.Event, "medium", d.Medium(), "error", why)
	}
	done, ok := c.Begin()
	if !ok {
		lost(refusal.TooManyRequests())
		return
	}
	later := &Request{c.Courier, c.NewRequest(context.WithoutCancel(c.Ctx), c.Call.Detach(), c.Pool)}
	go func() {
		defer done()
		if err := later.sendNow(n, u, d, t, secret); err != nil {
			lost(err)
		}
	}()
}

// Begin takes a place among what goes on after answers, until done is called. It is false when all places are taken.
func (s *Courier) Begin() (done func(), ok bool) {
	select {
	case s.background <- struct{}{}:
		return func() { <-s.background }, true
	default:
		return nil, false
	}
}

// Drain waits for what goes on after answers, and lets nothing more begin. The store must be open until then.
func (s *Courier) Drain(ctx context.Context) error {
	for range cap(s.background) {
		select {
		case s.background <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// The events that messages come of ("Custom message Lambda trigger", trigger sources).
const (
	ForSignUp          = "SignUp"
	ForAdminCreate     = "AdminCreateUser"
	ForResend          = "ResendCode"
	ForForgotPassword  = "ForgotPassword"
	ForUpdateAttribute = "UpdateUserAttribute"
	ForVerifyAttribute = "VerifyUserAttribute"
	ForAuthentication  = "Authentication"
)

// linkPlaceholder stands for a link; the words in it may be others (linkForm).
const linkPlaceholder = "{##Click Here##}"

// Limits of what the custom message trigger answers, in characters.
const (
	maxSMSMessage   = 140
	MaxEmailMessage = 20000
	MaxEmailSubject = 140
)

type messageRequest struct {
	UserAttributes    map[string]string `json:"userAttributes"`
	CodeParameter     string            `json:"codeParameter"`
	LinkParameter     string            `json:"linkParameter"`
	UsernameParameter *string           `json:"usernameParameter"`
	ClientMetadata    map[string]string `json:"clientMetadata,omitempty"`
}

type messageResponse struct {
	SMS     *string `json:"smsMessage"`
	Email   *string `json:"emailMessage"`
	Subject *string `json:"emailSubject"`
}

// Customized asks the custom message trigger for the wording of a message ("Custom message Lambda trigger"). It learns
// the placeholders and not the code, and what it leaves out stays as the pool has it.
func (c *Request) Customized(n Notice, u *userpool.User, d Destination, t Template) (Template, error) {
	if trigger.FunctionOf(c.Pool, trigger.CustomMessage) == "" {
		return t, nil
	}
	req := messageRequest{
		UserAttributes: trigger.AttributesOf(u), CodeParameter: CodePlaceholder, LinkParameter: linkPlaceholder, ClientMetadata: n.Meta,
	}
	needs := []string{CodePlaceholder}
	if n.Event == ForAdminCreate {
		req.UsernameParameter = new(usernamePlaceholder)
		needs = append(needs, usernamePlaceholder)
	}
	var out messageResponse
	err := c.triggers.Invoke(c.Request, trigger.Occasion{At: trigger.CustomMessage, Source: string(trigger.CustomMessage) + "_" + n.Event, Client: n.Client, Name: u.Username}, req, &out)
	if err != nil {
		return t, err
	}
	if d.Attribute == "phone_number" {
		return t, override(&t.Body, out.SMS, "smsMessage", maxSMSMessage, needs)
	}
	if strings.ContainsAny(FirstOf(out.Subject), "\r\n") {
		return t, trigger.BadResponse("emailSubject has more than one line")
	}
	if err := override(&t.Subject, out.Subject, "emailSubject", MaxEmailSubject, nil); err != nil {
		return t, err
	}
	if linked(c.Pool, n, d) && linkForm.MatchString(FirstOf(out.Email)) {
		needs = nil // a link instead of a code
	}
	return t, override(&t.Body, out.Email, "emailMessage", MaxEmailMessage, needs)
}

// override replaces a text by the trigger's, which must hold the placeholders: a message without its code is no use.
func override(text, given *string, field string, most int, needs []string) error {
	if given == nil || *given == "" {
		return nil
	}
	if utf8.RuneCountInString(*given) > most {
		return trigger.BadResponse("%s is longer than %d characters", field, most)
	}
	for _, p := range needs {
		if !strings.Contains(*given, p) {
			return trigger.BadResponse("%s does not contain %s", field, p)
		}
	}
	*text = *given
	return nil
}

type senderRequest struct {
	Type           string            `json:"type"`
	Code           string            `json:"code"`
	UserAttributes map[string]string `json:"userAttributes"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// sentByFunction hands a message to the pool's custom sender ("Custom sender Lambda triggers"), and reports whether there
// is one for its medium. The code goes encrypted.
func (c *Request) sentByFunction(n Notice, u *userpool.User, d Destination, secret string) (bool, error) {
	t, kind := trigger.CustomEmailSender, "customEmailSenderRequestV1"
	if d.Attribute == "phone_number" {
		t, kind = trigger.CustomSMSSender, "customSMSSenderRequestV1"
	}
	if trigger.FunctionOf(c.Pool, t) == "" {
		return false, nil
	}
	code, err := c.encryptCode(secret)
	if err != nil {
		return true, err
	}
	return true, c.triggers.Invoke(c.Request, trigger.Occasion{At: t, Source: string(t) + "_" + n.Event, Client: n.Client, Name: u.Username},
		senderRequest{kind, code, trigger.AttributesOf(u), n.Meta}, &trigger.Empty{})
}

// senderContext is the encryption context of codes for custom senders.
func senderContext(pool string) map[string]string { return map[string]string{"userpool-id": pool} }

// encryptCode makes a message of the AWS Encryption SDK.
func (c *Request) encryptCode(secret string) (string, error) {
	k := c.Pool.Settings.Sender
	if k == nil {
		return "", trigger.BadResponse("the user pool has no KMS key for its sender")
	}
	plain, err := c.Keyring.Open(keyring.SenderKey, c.Pool.Scope(), k.Sealed, k.Encrypted)
	if err != nil {
		return "", fault.Wrap(err, "open the key of a custom sender")
	}
	defer clear(plain)
	out, err := esdk.Encrypt(esdk.DataKey{KeyARN: k.KeyARN, Plaintext: plain, Encrypted: k.Encrypted}, senderContext(c.Pool.ID), []byte(secret))
	if err != nil {
		return "", fault.Wrap(err, "encrypt a code")
	}
	return base64.StdEncoding.EncodeToString(out), nil
}
