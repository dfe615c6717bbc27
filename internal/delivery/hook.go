package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Hook posts messages to an HTTP endpoint of the operator, signed as Standard Webhooks 1.0.0 says ("Symmetric
// signatures"). The endpoint is the operator's choice, by a setting of the server, and no request changes it; redirects
// are not followed.
type Hook struct {
	url    string
	key    []byte
	client *http.Client
	now    func() time.Time
}

// HookOptions say where a hook is and how it knows us.
type HookOptions struct {
	// URL is https://…, or http://… at a loopback address.
	URL string
	// Secret is "whsec_" and at least 24 bytes in base64, as Standard Webhooks has it.
	Secret string
	// Roots verifies the endpoint's certificate; nil is the system's.
	Roots *x509.CertPool
}

// secretPrefix begins secrets of Standard Webhooks.
const secretPrefix = "whsec_"

// minSecret is the shortest secret, in bytes ("Symmetric signatures").
const minSecret = 24

// NewHook checks the options. It does not connect.
func NewHook(o HookOptions) (*Hook, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) || u.Fragment != "" {
		return nil, errors.New("a hook is at https://…, or at http://… on a loopback address")
	}
	if u.User != nil {
		return nil, errors.New("a hook's URL holds no credentials: it knows the server by its signature")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(o.Secret, secretPrefix))
	if err != nil || !strings.HasPrefix(o.Secret, secretPrefix) || len(key) < minSecret {
		return nil, fmt.Errorf("a hook's secret is %s and at least %d bytes in base64: make one with 'printf %s; head -c 32 /dev/urandom | base64'",
			secretPrefix, minSecret, secretPrefix)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}, ForceAttemptHTTP2: true,
		MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTime, ResponseHeaderTimeout: sendTimeout,
		TLSHandshakeTimeout: sendTimeout, MaxResponseHeaderBytes: 64 << 10,
	}
	return &Hook{u.String(), key, &http.Client{
		Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, time.Now}, nil
}

// event is the body of a hook's request.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	Medium     string `json:"medium"`
	To         string `json:"to"`
	Username   string `json:"username"`
	Subject    string `json:"subject,omitempty"`
	Text       string `json:"text"`
	HTML       string `json:"html,omitempty"`
	From       string `json:"from,omitempty"`
	ReplyTo    string `json:"replyTo,omitempty"`
	Account    string `json:"account"`
	Region     string `json:"region"`
	UserPoolID string `json:"userPoolId"`
}

// eventType names events of messages.
const eventType = "bulkhead.message"

// Send implements Sender. Every 2xx is a success; other answers in 400 to 499 but 408, 425 and 429 refuse the message. A try
// again has the same id, so that the endpoint can tell.
func (h *Hook) Send(ctx context.Context, m *Message) error {
	data := eventData{
		Medium: m.Medium, To: m.To, Username: m.Username, Subject: m.Subject, Text: m.Body, From: m.From, ReplyTo: m.ReplyTo,
		Account: m.Account, Region: m.Region, UserPoolID: m.Pool,
	}
	if m.Medium == Email {
		data.Text, data.HTML = bodies(m)
	}
	body, err := json.Marshal(event{eventType, m.Time.UTC(), data})
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	if m.id == "" {
		m.id = "msg_" + rand.Text()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a hook's request: %w", err)
	}
	at := strconv.FormatInt(h.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "bulkhead")
	req.Header.Set("Webhook-Id", m.id)
	req.Header.Set("Webhook-Timestamp", at)
	req.Header.Set("Webhook-Signature", sign(h.key, m.id, at, body))
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("post to the hook: %w", err)
	}
	defer resp.Body.Close()                                     //nolint:errcheck // nothing of it is needed
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4096)) // so that the connection can be used again
	return judge(resp.StatusCode)
}

func judge(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests:
		return fmt.Errorf("the hook answers %d", status)
	}
	return fmt.Errorf("%w: the hook answers %d", ErrRefused, status)
}

// sign is the signature of a request: over its id, its time and its body.
func sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, body) //nolint:errcheck // a hash never fails
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Close ends the idle connections.
func (h *Hook) Close() error {
	h.client.CloseIdleConnections()
	return nil
}
