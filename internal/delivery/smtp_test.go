package delivery

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// received is a mail as the server got it.
type received struct {
	from string
	to   []string
	data string
	tls  bool
	user string
}

// server is a mail server on loopback.
type server struct {
	smtp     *smtp.Server
	addr     string
	password string
	reject   func(r *received) error // of the whole message

	mu       sync.Mutex
	mails    []received
	sessions int
}

type mailSession struct {
	s    *server
	conn *smtp.Conn
	got  received
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
	return &mailSession{s: s, conn: c}, nil
}

func (m *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (m *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != m.s.password {
			return smtp.ErrAuthFailed
		}
		m.got.user = user
		return nil
	}), nil
}

func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	m.got.from, m.got.to = from, nil
	if m.s.password != "" && m.got.user == "" {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.got.to = append(m.got.to, to)
	return nil
}

func (m *mailSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.got.data = string(b)
	_, m.got.tls = m.conn.TLSConnectionState()
	if m.s.reject != nil {
		if err := m.s.reject(&m.got); err != nil {
			return err
		}
	}
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.s.mails = append(m.s.mails, m.got)
	return nil
}

func (*mailSession) Reset()        {}
func (*mailSession) Logout() error { return nil }

// certificate makes one for localhost, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func startServer(t *testing.T, change func(*server), implicit bool) *server {
	t.Helper()
	s := &server{}
	s.smtp = smtp.NewServer(s)
	s.smtp.Domain, s.smtp.AllowInsecureAuth, s.smtp.ErrorLog = "localhost", true, discard{}
	if change != nil {
		change(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, s.smtp.TLSConfig)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.smtp.Serve(l) }()
	t.Cleanup(func() { _ = s.smtp.Close(); <-done })
	return s
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

func newSMTP(t *testing.T, o SMTPOptions) *SMTP {
	t.Helper()
	if o.From == "" {
		o.From = "Bulkhead <no-reply@example.com>"
	}
	s, err := NewSMTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func message() *Message {
	return &Message{
		Account: "111122223333", Region: "us-east-1", Pool: "us-east-1_pool", Medium: Email, To: "ana@example.org", Username: "ana",
		Subject: "Your code, né", Body: "Your code is 123456", HTML: "Your code is 123456", Time: time.Unix(1_790_000_000, 0).UTC(),
	}
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	srv := startServer(t, nil, false)
	s := newSMTP(t, SMTPOptions{URL: "smtp://" + srv.addr, Domains: []string{"shop.example"}})
	m := message()
	m.HTML, m.Body = "<p>Hello &lt;b&gt;,</p><p>your <b>code</b> is 123456 (<a href=\"https://shop.example/c\">here</a>)</p>", "x"
	m.From, m.ReplyTo = "Shop <codes@shop.example>", "help@shop.example"
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := srv.mails[0]
	if got.from != "codes@shop.example" || len(got.to) != 1 || got.to[0] != "ana@example.org" || got.tls {
		t.Errorf("the envelope is %+v", got)
	}
	msg, err := netmail.ReadMessage(strings.NewReader(got.data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("the subject is %q, %v", subject, err)
	}
	for name, want := range map[string]string{
		"From": `"Shop" <codes@shop.example>`, "To": "<ana@example.org>", "Reply-To": "<help@shop.example>", "Auto-Submitted": "auto-generated",
		"Date": "Mon, 21 Sep 2026 14:13:20 +0000",
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if id := msg.Header.Get("Message-Id"); !strings.HasSuffix(id, "@shop.example>") {
		t.Errorf("the message's id is %q", id)
	}
	text, page := partsOf(t, msg)
	if want := "Hello <b>,\n\nyour code is 123456 ( here (https://shop.example/c) )"; text != want {
		t.Errorf("the text is %q, not %q", text, want)
	}
	if page != m.HTML {
		t.Errorf("the page is %q", page)
	}
}

func partsOf(t *testing.T, msg *netmail.Message) (text, page string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the content is %s, %v", kind, err)
	}
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return text, page
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		b = []byte(strings.ReplaceAll(strings.TrimRight(string(b), "\r\n"), "\r\n", "\n"))
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") {
			text = string(b)
		} else {
			page = string(b)
		}
	}
}

// Whoever names itself, its pool or its address cleverly writes no headers and reaches nobody else.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	srv := startServer(t, nil, false)
	s := newSMTP(t, SMTPOptions{URL: "smtp://" + srv.addr})
	for name, change := range map[string]func(*Message){
		"subject":                 func(m *Message) { m.Subject = "x\r\nBcc: eve@example.net" },
		"subject, bare line feed": func(m *Message) { m.Subject = "x\nBcc: eve@example.net" },
		"subject, unicode line":   func(m *Message) { m.Subject = "x\u2028Bcc: eve@example.net" },
		"recipient":               func(m *Message) { m.To = "ana@example.org\r\nRCPT TO:<eve@example.net>" },
		"two recipients":          func(m *Message) { m.To = "ana@example.org, eve@example.net" },
		"a group":                 func(m *Message) { m.To = "all: ana@example.org, eve@example.net;" },
		"a quoted local part":     func(m *Message) { m.To = "\"ana\\\r\n x\"@example.org" },
		"no recipient":            func(m *Message) { m.To = "" },
		"reply address":           func(m *Message) { m.ReplyTo = "a@example.org\r\nBcc: eve@example.net" },
		"a long subject":          func(m *Message) { m.Subject = strings.Repeat("x", maxHeader+1) },
	} {
		m := message()
		change(m)
		if err := s.Send(t.Context(), m); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(srv.mails) != 0 {
		t.Errorf("mails were sent: %+v", srv.mails)
	}
	m := message()
	m.Body, m.HTML = "code\r\n.\r\nMAIL FROM:<eve@example.net>\r\n", ""
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if len(srv.mails) != 1 || len(srv.mails[0].to) != 1 {
		t.Errorf("a body with a lone dot makes %d mails", len(srv.mails))
	}
}

// Who configures a pool does not write in other people's names.
func TestSenderOfPools(t *testing.T) {
	t.Parallel()
	s := newSMTP(t, SMTPOptions{URL: "smtp://127.0.0.1:1", Domains: []string{"Shop.example"}})
	for from, want := range map[string]string{
		"": "no-reply@example.com", "a@example.com": "a@example.com", "A <a@SHOP.example>": "a@SHOP.example", "ceo@bank.example": "no-reply@example.com",
		"a@evil.shop.example": "no-reply@example.com", "x@shop.example\r\nBcc: e@x.example": "no-reply@example.com", "shop.example": "no-reply@example.com",
		"a@bank.example, b@shop.example": "no-reply@example.com",
	} {
		if got := s.sender(&Message{From: from}).Address; got != want {
			t.Errorf("a pool that sends from %q is sent for under %q", from, got)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, roots := certificate(t)
	secured := func(s *server) {
		s.smtp.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		s.smtp.AllowInsecureAuth, s.password = false, "s3cret"
	}
	for name, scheme := range map[string]string{"STARTTLS": "smtp", "TLS": "smtps"} {
		srv := startServer(t, secured, scheme == "smtps")
		s := newSMTP(t, SMTPOptions{URL: scheme + "://user@" + srv.addr, Password: "s3cret", Roots: roots})
		if err := s.Send(t.Context(), message()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := srv.mails[0]; !got.tls || got.user != "user" {
			t.Errorf("%s: the mail came by %+v", name, got)
		}
		if err := newSMTP(t, SMTPOptions{URL: scheme + "://user@" + srv.addr, Password: "s3cret"}).Send(t.Context(), message()); err == nil {
			t.Errorf("%s: a certificate that nobody vouches for is taken", name)
		}
		if err := newSMTP(t, SMTPOptions{URL: scheme + "://user@" + srv.addr, Password: "wrong", Roots: roots}).Send(t.Context(), message()); err == nil ||
			strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: a wrong password answers %v", name, err)
		}
	}
}

// A server that is elsewhere and offers no TLS gets neither the password nor the code.
func TestTLSIsNotOptionalElsewhere(t *testing.T) {
	t.Parallel()
	srv := startServer(t, nil, false)
	s := newSMTP(t, SMTPOptions{URL: "smtp://mail.example:25"})
	s.addr = srv.addr
	err := s.Send(t.Context(), message())
	if err == nil || len(srv.mails) != 0 {
		t.Errorf("mail left without TLS: %v", err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	srv := startServer(t, nil, false)
	s := newSMTP(t, SMTPOptions{URL: "smtp://" + srv.addr})
	for range 5 {
		if err := s.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	}
	if srv.sessions != 1 || len(srv.mails) != 5 {
		t.Errorf("%d connections for %d mails", srv.sessions, len(srv.mails))
	}
	// the server closes what is idle, as mail servers do
	_ = s.idle[0].conn.Close()
	if err := s.Send(t.Context(), message()); err != nil {
		t.Errorf("a connection that was closed in the meantime fails the mail: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	var code int
	srv := startServer(t, func(s *server) {
		s.reject = func(r *received) error {
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: "we do not like " + r.data[len(r.data)-20:]}
		}
	}, false)
	s := newSMTP(t, SMTPOptions{URL: "smtp://" + srv.addr})
	for code = range map[int]bool{550: true, 451: true} {
		err := s.Send(t.Context(), message())
		if err == nil || errors.Is(err, ErrRefused) != (code == 550) || strings.Contains(err.Error(), "like") {
			t.Errorf("code %d answers %v", code, err)
		}
	}
}

// A server that accepts and says nothing holds up nobody beyond the deadline.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test
	s := newSMTP(t, SMTPOptions{URL: "smtp://" + l.Addr().String()})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			cancel()
			_, _ = io.Copy(io.Discard, c)
		}
	}()
	if err := s.Send(ctx, message()); err == nil {
		t.Error("nobody answered, and the mail is sent")
	}
}

func TestSMTPOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]SMTPOptions{
		"no scheme": {URL: "mail.example"}, "another scheme": {URL: "http://mail.example"}, "no host": {URL: "smtp://"}, "a path": {URL: "smtp://m.example/x"},
		"a password in the URL": {URL: "smtp://u:pw@m.example", Password: "pw"}, "a user alone": {URL: "smtp://u@m.example"},
		"a password alone": {URL: "smtp://m.example", Password: "pw"}, "no sender": {URL: "smtp://m.example", From: "nobody"},
		"a port that is none": {URL: "smtp://m.example:99999"},
	} {
		if o.From == "" {
			o.From = "a@example.com"
		}
		if _, err := NewSMTP(o); err == nil || strings.Contains(err.Error(), "pw@") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
