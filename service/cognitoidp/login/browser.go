package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"

	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
)

// The cookies of the pages. Over HTTPS their names begin with __Host-, so that no other host and no script of a subdomain
// can set them (RFC 6265bis section 4.1.3.2). They name the pool, for several pools can share a host.
const (
	cookieBrowser = "browser-" // a random secret by which forms know their browser
	cookieSession = "session-" // who is signed in, sealed
	cookieLater   = "later-"   // the browser's user does not want to be offered a passkey
)

// laterSeconds is how long nobody at a browser is offered to save a passkey after somebody declined.
const laterSeconds = 30 * 24 * 60 * 60

func (q *request) cookieName(kind string) string {
	if q.secure() {
		return "__Host-" + kind + q.pool.ID
	}
	return kind + q.pool.ID
}

// setCookie sets a cookie for scripts of nobody. Lax lets it come along when an application sends the browser here, and
// keeps it from the forms of others.
func (q *request) setCookie(kind, value string, maxAge int) {
	http.SetCookie(q.w, &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Name: q.cookieName(kind), Value: value, Path: "/", MaxAge: maxAge, Secure: q.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookie returns a cookie, nil if there is none.
func (q *request) cookie(kind string) *string {
	c, err := q.r.Cookie(q.cookieName(kind))
	if err != nil {
		return nil
	}
	return opt.Present(c.Value)
}

// session is the sealed session of the browser.
func (q *request) session() *string { return q.cookie(cookieSession) }

func (q *request) remember(session string) {
	q.setCookie(cookieSession, session, int(cognitoidp.SessionLife.Seconds()))
}

func (q *request) forget() { q.setCookie(cookieSession, "", -1) }

var browserForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// browser returns the browser's secret, and gives it one if it has none.
func (q *request) browser() string {
	if q.held != "" {
		return q.held
	}
	if c := q.cookie(cookieBrowser); c != nil && browserForm.MatchString(*c) {
		return *c
	}
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	secret := base64.RawURLEncoding.EncodeToString(b[:])
	q.setCookie(cookieBrowser, secret, 0)
	return secret
}

// formToken is what a form of the pool's pages carries to show that it was made for the browser.
func (q *request) formToken(browser string) string {
	h := hmac.New(sha256.New, []byte(browser))
	h.Write([]byte("form/" + q.pool.ID))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// form reads a form that a page sent, and refuses one that the browser did not get from here.
func (q *request) form() (parameters, bool) {
	c := q.cookie(cookieBrowser)
	if q.cross.Check(q.r) != nil || c == nil || !browserForm.MatchString(*c) || q.r.ParseForm() != nil {
		return parameters{}, false
	}
	p := unique(q.r.PostForm)
	return p, p.check() == nil && hmac.Equal([]byte(p.values.Get("form_token")), []byte(q.formToken(*c)))
}
