// Package delivery takes messages of user pools to their recipients: mail by SMTP, and mail and text messages by a signed
// HTTP hook. It bounds what one pool can send and one recipient can get, so that nobody uses a pool to flood a mailbox and
// a slow mail server holds up nobody but who waits for its answer.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// The media of messages.
const (
	Email = "EMAIL"
	SMS   = "SMS"
)

// Message is a code or an invitation to a user. Its body is secret.
type Message struct {
	// Account, Region and Pool say which user pool sends it.
	Account, Region, Pool string
	// Medium is Email or SMS.
	Medium string
	// To is the address.
	To string
	// Username is the user's.
	Username string
	// Subject is empty for SMS.
	Subject string
	// Body is the text; HTML is the same with names and codes escaped, for what the pool wrote as HTML. Empty for SMS.
	Body string
	HTML string `json:",omitempty"`
	// Code is the code or the password that the body holds. It is secret too.
	Code string `json:",omitempty"`
	// From and ReplyTo are what the pool asks for, in the form "Name <a@example.com>" or "a@example.com"; empty for the
	// server's. See SMTP.From.
	From    string `json:",omitempty"`
	ReplyTo string `json:",omitempty"`
	// Time is when it was made.
	Time time.Time
	// Quiet messages are for requests whose answer must not tell whether anything was sent, nor by the time it takes: they
	// are sent after the answer, and a failure is for the log.
	Quiet bool `json:"-"`

	id string // the same for every try
}

// String names the message without its address and body, for logs.
func (m Message) String() string { return fmt.Sprintf("%s message of %s", m.Medium, m.Pool) }

// GoString implements fmt.GoStringer.
func (m Message) GoString() string { return m.String() }

// Sender takes one message to its recipient, within the context's deadline.
type Sender interface {
	// Send returns nil once somebody else has taken responsibility for the message: the mail server or the hook. Errors
	// wrap ErrRefused where another try is of no use, and never hold the message's body.
	Send(ctx context.Context, m *Message) error
}

var (
	// ErrLimited says that the recipient or the pool had as many messages as it may.
	ErrLimited = errors.New("delivery: too many messages")
	// ErrBusy says that too many messages wait already.
	ErrBusy = errors.New("delivery: too many messages are on their way")
	// ErrRefused says that the message will not be accepted: its address or content is bad.
	ErrRefused = errors.New("delivery: refused")
)

// checkText refuses what does not belong in an address or a subject: control characters, line ends above all, by which a
// message could be given headers and recipients of somebody else's choice.
func checkText(what, s string) error {
	if len(s) > maxHeader {
		return fmt.Errorf("%w: the %s is too long", ErrRefused, what)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }); i >= 0 {
		return fmt.Errorf("%w: the %s holds a control character", ErrRefused, what)
	}
	return nil
}

// maxHeader bounds addresses and subjects, in bytes.
const maxHeader = 2048

// parseAddress reads exactly one address.
func parseAddress(what, s string) (*mail.Address, error) {
	if err := checkText(what, s); err != nil {
		return nil, err
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf("%w: the %s is not an address", ErrRefused, what)
	}
	if err := checkText(what, a.Address); err != nil { // a quoted local part may hide one
		return nil, err
	}
	return a, nil
}

func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}
