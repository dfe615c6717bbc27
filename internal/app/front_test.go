package app

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNetworkAndDeliverySettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		set  func(*Config)
		want string // part of the error; "" for none
	}{
		"by default":            {func(*Config) {}, ""},
		"SMTP":                  {func(c *Config) { c.Mail, c.MailFrom = "smtp://mail.example", "a@example.com" }, ""},
		"SMTP with a user":      {func(c *Config) { c.Mail, c.MailFrom, c.MailSecret = "smtps://u@mail.example", "a@example.com", "pw" }, ""},
		"SMTP without a sender": {func(c *Config) { c.Mail = "smtp://mail.example" }, "--mail-from"},
		"a password in the URL": {func(c *Config) { c.Mail, c.MailFrom = "smtp://u:hunter2@mail.example", "a@example.com" }, "BULKHEAD_MAIL_SECRET"},
		"hooks": {func(c *Config) {
			c.Mail, c.SMS, c.MailSecret, c.SMSSecretFile = "https://h.example/m", "https://h.example/s", secret, file
		}, ""},
		"a hook without secret": {func(c *Config) { c.SMS = "https://h.example/s" }, "--sms"},
		"a hook in plain HTTP":  {func(c *Config) { c.Mail, c.MailSecret = "http://h.example/m", secret }, "--mail"},
		"a secret twice":        {func(c *Config) { c.Mail, c.MailSecret, c.MailSecretFile = "https://h.example", secret, file }, "once"},
		"no such file":          {func(c *Config) { c.Mail, c.MailSecretFile = "https://h.example", filepath.Join(dir, "none") }, "read the secret"},
		"an unknown way":        {func(c *Config) { c.Mail = "pigeon" }, "--mail"},
		"a CA that is none":     {func(c *Config) { c.MailCA = file }, "PEM"},
		"proxies":               {func(c *Config) { c.TrustedProxies = []string{"10.0.0.0/8", "::1"} }, ""},
		"everybody a proxy":     {func(c *Config) { c.TrustedProxies = []string{"0.0.0.0/0"} }, "--trusted-proxies"},
		"operators' address":    {func(c *Config) { c.OpsListen = "9090" }, "--ops-listen"},
		"a negative number":     {func(c *Config) { c.MailPerPool = -1 }, "--mail-per-pool"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := DefaultConfig()
			c.Data = dir
			tc.set(&c)
			err := c.Validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), secret)) {
				t.Errorf("%v shows a secret", err)
			}
		})
	}
}

// Metrics are for this machine or for the operators' address, never for everybody.
func TestWhoSeesMetrics(t *testing.T) {
	t.Parallel()
	ask := func(a *App, remote, forwarded string) int {
		r := httptest.NewRequest(http.MethodGet, "/-/metrics", nil)
		r.RemoteAddr = remote
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		return w.Code
	}
	open := func(change func(*Config)) *App {
		c := DefaultConfig()
		c.Data, c.Store = t.TempDir(), "memory"
		change(&c)
		c.Logger = slog.New(slog.DiscardHandler)
		a, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close(t.Context()) })
		return a
	}
	a := open(func(c *Config) { c.TrustedProxies = []string{"10.0.0.0/8"} })
	for _, tc := range []struct {
		remote, forwarded string
		want              int
	}{
		{"127.0.0.1:1", "", 200}, {"[::1]:1", "", 200}, {"203.0.113.9:1", "", 404}, {"127.0.0.1:1", "203.0.113.9", 404},
		{"203.0.113.9:1", "127.0.0.1", 404}, {"10.0.0.1:1", "127.0.0.1", 404},
	} {
		if got := ask(a, tc.remote, tc.forwarded); got != tc.want {
			t.Errorf("%+v answers %d", tc, got)
		}
	}
	a = open(func(c *Config) { c.OpsListen = "127.0.0.1:0" })
	if got := ask(a, "127.0.0.1:1", ""); got == 200 {
		t.Error("with an address for operators, the main one serves metrics too")
	}
	w := httptest.NewRecorder()
	a.opsHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/metrics", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "bulkhead_") && !strings.Contains(w.Body.String(), "go_") {
		t.Errorf("operators get %d", w.Code)
	}
}
