package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/delivery"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
)

// byMailbox is the setting for messages that stay in the server.
const byMailbox = "mailbox"

// MailSettings say how messages of user pools reach their users.
type MailSettings struct {
	// Mail is "mailbox", smtp://[user@]host[:port], smtps://… or the URL of a hook; SMS is "mailbox" or the URL of a hook.
	Mail, SMS string
	// MailFrom is the sender of pools without one. Pools may send in the name of its domain and of MailDomains.
	MailFrom    string
	MailDomains []string
	// MailSecret is the password of the SMTP user, or the hook's secret; SMSSecret the secret of the hook for SMS. They come
	// from the environment, or from the files MailSecretFile and SMSSecretFile.
	MailSecret, SMSSecret         string
	MailSecretFile, SMSSecretFile string
	// MailCA is a PEM file of the authorities that vouch for the mail server and the hooks; "" is the system's.
	MailCA string
	// MailPerPool is how many messages a pool may send in a minute; 0 is no limit.
	MailPerPool int
}

// defaultMailPerPool lets a pool send 3,600 messages an hour.
const defaultMailPerPool = 60

// deliverer gives mail and SMS to what the operator has set up for each; the mailbox has the rest.
type deliverer struct {
	box  *messages.Mailbox
	mail *delivery.Queue
	sms  *delivery.Queue
}

// Deliver implements cognitoidp.Deliverer.
func (d *deliverer) Deliver(ctx context.Context, g authz.Grant, m messages.Message) error {
	q := d.mail
	if m.Medium == delivery.SMS {
		q = d.sms
	}
	if q == nil {
		return d.box.Deliver(ctx, g, m)
	}
	return q.Deliver(ctx, m)
}

// deliverer makes what sends messages.
func (a *App) deliverer(box *messages.Mailbox) (*deliverer, error) {
	c := &a.config
	d := &deliverer{box: box}
	mail, sms, err := c.senders()
	if err != nil {
		return nil, err
	}
	queue := func(s delivery.Sender) *delivery.Queue {
		if s == nil {
			return nil
		}
		q := delivery.NewQueue(s, delivery.Options{PoolPerMinute: c.MailPerPool, Log: a.log})
		a.onClose(q.Close)
		return q
	}
	d.mail, d.sms = queue(mail), queue(sms)
	return d, nil
}

// senders makes the senders of mail and SMS; nil for those that stay in the mailbox. It connects to nobody.
func (c *Config) senders() (mail, sms delivery.Sender, err error) {
	roots, err := c.mailRoots()
	if err != nil {
		return nil, nil, err
	}
	if c.MailPerPool < 0 {
		return nil, nil, errors.New("--mail-per-pool is a number of messages a minute, or 0 for no limit")
	}
	if mail, err = c.mailSender(roots); err != nil {
		return nil, nil, fmt.Errorf("--mail: %w", err)
	}
	if c.SMS == byMailbox || c.SMS == "" {
		return mail, nil, nil
	}
	secret, err := secretOf(c.SMSSecret, c.SMSSecretFile)
	if err == nil {
		sms, err = delivery.NewHook(delivery.HookOptions{URL: c.SMS, Secret: secret, Roots: roots})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("--sms: %w", err)
	}
	return mail, sms, nil
}

func (c *Config) mailSender(roots *x509.CertPool) (delivery.Sender, error) {
	if c.Mail == byMailbox || c.Mail == "" {
		return nil, nil
	}
	secret, err := secretOf(c.MailSecret, c.MailSecretFile)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(c.Mail, "smtp://") || strings.HasPrefix(c.Mail, "smtps://") {
		if c.MailFrom == "" {
			return nil, errors.New("mail by SMTP needs a sender: set --mail-from")
		}
		return delivery.NewSMTP(delivery.SMTPOptions{URL: c.Mail, Password: secret, From: c.MailFrom, Domains: c.MailDomains, Roots: roots})
	}
	return delivery.NewHook(delivery.HookOptions{URL: c.Mail, Secret: secret, Roots: roots})
}

// maxSecret bounds the file of a secret, in bytes.
const maxSecret = 4096

func secretOf(value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	if value != "" {
		return "", errors.New("the secret is in the environment and in a file; give it once")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

func (c *Config) mailRoots() (*x509.CertPool, error) {
	if c.MailCA == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.MailCA)
	if err != nil {
		return nil, fmt.Errorf("read --mail-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, errors.New("--mail-ca holds no certificate in PEM")
	}
	return pool, nil
}

func (c *Config) validateDelivery() error {
	_, _, err := c.senders()
	return err
}

// KeepsMail reports whether mail or SMS stays in the server's mailbox.
func (m *MailSettings) KeepsMail() bool {
	return m.Mail == byMailbox || m.Mail == "" || m.SMS == byMailbox || m.SMS == ""
}
