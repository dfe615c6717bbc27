package delivery

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// SMTP sends mail through one server.
type SMTP struct {
	client  *mail.Client
	addr    string
	tls     *tls.Config // of connections that begin with TLS; nil for STARTTLS
	from    *netmail.Address
	domains []string

	mu     sync.Mutex
	idle   []*connection
	closed bool
}

// SMTPOptions say how to reach the mail server and in whose name to send.
type SMTPOptions struct {
	// URL is smtp://[user@]host[:port], with STARTTLS, or smtps://…, with TLS from the start. Only to a loopback address
	// may smtp:// go without TLS, where the server offers none.
	URL string
	// Password belongs to the URL's user.
	Password string
	// From is the sender of pools that name none.
	From string
	// Domains are those that pools may send in the name of, beside From's. A pool that names another sender is sent for
	// under From: who configures a pool must not be able to write in anybody's name.
	Domains []string
	// Roots verifies the server's certificate; nil is the system's.
	Roots *x509.CertPool
}

// idleTime is how long a connection is kept for the next message, maxIdle how many are: mail servers close them after
// minutes.
const (
	idleTime = 30 * time.Second
	maxIdle  = 4
)

// connection is one to the mail server.
type connection struct {
	smtp  *smtp.Client
	conn  net.Conn
	since time.Time
}

// NewSMTP checks the options. It does not connect.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("the mail server is not smtp://[user@]host[:port] or smtps://…")
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("the mail server's URL holds a password, which others can see on the command line: set BULKHEAD_MAIL_SECRET instead")
	}
	if (u.User.Username() == "") != (o.Password == "") {
		return nil, errors.New("the mail server's user, in its URL, and its password, in BULKHEAD_MAIL_SECRET, go together")
	}
	s := &SMTP{}
	if s.from, err = parseAddress("sender", o.From); err != nil {
		return nil, fmt.Errorf("mail is sent from %q, which is not an address", o.From)
	}
	s.domains = []string{domainOf(s.from.Address)}
	for _, d := range o.Domains {
		s.domains = append(s.domains, strings.ToLower(d))
	}
	return s, s.configure(u, o)
}

func (s *SMTP) configure(u *url.URL, o SMTPOptions) error {
	port := 587
	if u.Scheme == "smtps" {
		port = 465
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return fmt.Errorf("the mail server's port %q is none", p)
		}
		port = int(n)
	}
	s.addr = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
	conf := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, RootCAs: o.Roots}
	policy := mail.TLSMandatory
	if u.Scheme == "smtps" {
		s.tls = conf
	}
	if s.tls != nil || loopback(u.Hostname()) {
		policy = mail.TLSOpportunistic // the connection is under TLS already, or stays on this machine
	}
	opts := []mail.Option{
		mail.WithDialContextFunc(s.open),
		mail.WithPort(port), mail.WithTimeout(sendTimeout), mail.WithTLSConfig(conf), mail.WithTLSPolicy(policy), mail.WithoutNoop(),
	}
	if u.User.Username() != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(u.User.Username()), mail.WithPassword(o.Password))
	}
	var err error
	s.client, err = mail.NewClient(u.Hostname(), opts...)
	return err
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m *Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return err
	}
	for {
		c, used, err := s.connect(ctx)
		if err != nil {
			return fmt.Errorf("connect to the mail server: %w", err)
		}
		stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
		err = s.client.SendWithSMTPClient(c.smtp, msg)
		if !stop() && err == nil {
			return nil // sent, and the connection closed just after
		}
		if err == nil {
			s.keep(c)
			return nil
		}
		_ = c.conn.Close() // what it answers is not known any more
		if msg.IsDelivered() {
			return nil
		}
		err = explain(err)
		if !used || errors.Is(err, ErrRefused) || ctx.Err() != nil {
			return err
		}
		// a connection kept from before may have been closed by the server in the meantime
	}
}

// explain tells what will never be accepted from what another try may bring about. Of the server's answer only the code
// goes into the error: some quote the message.
func explain(err error) error {
	var refused *mail.SendError
	if !errors.As(err, &refused) {
		return fmt.Errorf("send mail: %w", err)
	}
	out := fmt.Errorf("send mail: %s, code %d", refused.Reason, refused.ErrorCode())
	if code := refused.ErrorCode(); code >= 500 && code < 600 {
		return fmt.Errorf("%w: %w", ErrRefused, out)
	}
	return out
}

// connect returns a connection; used is true for one that has sent something before.
func (s *SMTP) connect(ctx context.Context) (c *connection, used bool, err error) {
	if c := s.reuse(); c != nil {
		return c, true, nil
	}
	c, err = s.dial(ctx)
	return c, false, err
}

// dialed is where the dialer leaves the connection that a context's dial made.
type dialed struct{}

func (s *SMTP) dial(ctx context.Context) (*connection, error) {
	var raw net.Conn
	client, err := s.client.DialToSMTPClientWithContext(context.WithValue(ctx, dialed{}, &raw))
	if err != nil {
		if raw != nil {
			_ = raw.Close()
		}
		return nil, err
	}
	return &connection{smtp: client, conn: raw}, nil
}

// open is how the library gets its connections. They end with the context of the dial, whatever they wait for.
func (s *SMTP) open(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if at, ok := ctx.Value(dialed{}).(*net.Conn); ok {
		*at = raw
	}
	if s.tls == nil {
		return raw, nil
	}
	conn := tls.Client(raw, s.tls)
	return conn, conn.HandshakeContext(ctx)
}

func (s *SMTP) reuse() *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 {
		c := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if time.Since(c.since) < idleTime {
			return c
		}
		_ = c.conn.Close()
	}
	return nil
}

func (s *SMTP) keep(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle) >= maxIdle {
		_ = c.conn.Close()
		return
	}
	c.since = time.Now()
	s.idle = append(s.idle, c)
}

// Close ends the idle connections.
func (s *SMTP) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.idle {
		_ = c.conn.Close()
	}
	s.idle = nil
	return nil
}

// sender is in whose name the message goes.
func (s *SMTP) sender(m *Message) *netmail.Address {
	if m.From == "" {
		return s.from
	}
	a, err := parseAddress("sender", m.From)
	if err != nil || !slices.Contains(s.domains, domainOf(a.Address)) {
		return s.from
	}
	return a
}

// compose makes the mail.
func (s *SMTP) compose(m *Message) (*mail.Msg, error) {
	to, err := parseAddress("recipient", m.To)
	if err != nil {
		return nil, err
	}
	if err := checkText("subject", m.Subject); err != nil {
		return nil, err
	}
	from := s.sender(m)
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	errs := []error{msg.From(from.String()), msg.To((&netmail.Address{Address: to.Address}).String())}
	if m.ReplyTo != "" {
		reply, err := parseAddress("reply address", m.ReplyTo)
		if err != nil {
			return nil, err
		}
		errs = append(errs, msg.ReplyTo(reply.String()))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w: an address is not accepted", ErrRefused)
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(m.Time)
	msg.SetMessageIDWithValue(rand.Text() + "@" + domainOf(from.Address))
	// no out-of-office answers ("Recommendations for Automatic Responses to Electronic Mail", RFC 3834)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	text, page := bodies(m)
	msg.SetBodyString(mail.TypeTextPlain, text)
	msg.AddAlternativeString(mail.TypeTextHTML, page)
	return msg, nil
}
