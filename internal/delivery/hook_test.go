package delivery

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	webhook "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

var testSecret = secretPrefix + base64.StdEncoding.EncodeToString([]byte("a key of thirty-two bytes, fixed"))

// The signature is checked by the scheme's own library.
func TestHook(t *testing.T) {
	t.Parallel()
	wh, err := webhook.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	var got event
	status := http.StatusNoContent
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := wh.Verify(body, r.Header); err != nil {
			t.Errorf("the signature does not hold: %v", err)
		}
		if wh.Verify(append(body, ' '), r.Header) == nil {
			t.Error("the signature holds for another body")
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		ids = append(ids, r.Header.Get("Webhook-Id"))
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	h, err := NewHook(HookOptions{URL: srv.URL + "/mail", Secret: testSecret})
	if err != nil {
		t.Fatal(err)
	}
	m := message()
	if err := h.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got.Type != eventType || got.Data.Text != m.Body || got.Data.To != m.To || got.Data.UserPoolID != m.Pool || !got.Timestamp.Equal(m.Time) {
		t.Errorf("the hook got %+v", got)
	}
	for s, refused := range map[int]bool{500: false, 503: false, 429: false, 400: true, 404: true, 302: true} {
		status = s
		if err := h.Send(t.Context(), m); err == nil || errors.Is(err, ErrRefused) != refused {
			t.Errorf("status %d answers %v", s, err)
		}
	}
	for _, id := range ids {
		if id != ids[0] || !strings.HasPrefix(id, "msg_") {
			t.Errorf("the same message has the ids %q and %q", ids[0], id)
		}
	}
}

// An endpoint that is taken over does not lead the server elsewhere.
func TestHookFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(inner.Close)
	srv := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusTemporaryRedirect))
	t.Cleanup(srv.Close)
	h, err := NewHook(HookOptions{URL: srv.URL, Secret: testSecret})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Send(t.Context(), message()); !errors.Is(err, ErrRefused) {
		t.Errorf("a redirect answers %v", err)
	}
}

func TestHookOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]HookOptions{
		"plain HTTP elsewhere": {URL: "http://hook.example/x"}, "no host": {URL: "https://"}, "credentials": {URL: "https://u:p@hook.example/"},
		"no secret": {URL: "https://hook.example/", Secret: "-"}, "a short secret": {URL: "https://hook.example/", Secret: "whsec_c2hvcnQ="},
		"no prefix": {URL: "https://hook.example/", Secret: testSecret[len(secretPrefix):]},
	} {
		if o.Secret == "" {
			o.Secret = testSecret
		}
		if _, err := NewHook(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
