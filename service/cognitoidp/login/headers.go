package login

import (
	"embed"
	"net/http"
	"strings"

	"github.com/bulkhead/bulkhead/internal/peer"
)

// policy is the content security policy of every answer: nothing but our own styles, images and forms.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "

// protect sets the headers of every answer. A form's answer redirects to the app client, whose page may redirect further,
// and browsers hold each of those hops to form-action; so pages add where a sign-in may lead (see formTargets).
func (q *request) protect() {
	h := q.w.Header()
	h.Set("Content-Security-Policy", policy+"'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), publickey-credentials-get=(self), publickey-credentials-create=(self)")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
	if q.secure() {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// secure reports whether the browser came by HTTPS.
func (q *request) secure() bool { return peer.Secure(q.r) || q.Secure }

// preflight lets scripts of every origin call: what they call takes no cookies. It reports whether the request was a
// preflight, which is answered then.
func (q *request) preflight() bool {
	h := q.w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	if q.r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Amz-User-Agent, X-Amzn-Trace-Id")
	h.Set("Access-Control-Max-Age", "7200")
	q.w.WriteHeader(http.StatusNoContent)
	return true
}

// redirect sends the browser elsewhere. Only the server's own pages and what an operation answered come here.
func (q *request) redirect(to string) {
	q.w.Header().Set("Location", to)
	q.w.WriteHeader(http.StatusFound)
}

//go:embed static
var staticFiles embed.FS

var staticTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// static serves a file of the pages.
func (q *request) static(name string) {
	b, err := staticFiles.ReadFile("static/" + name)
	dot := strings.LastIndexByte(name, '.')
	if err != nil || q.r.Method != http.MethodGet && q.r.Method != http.MethodHead || dot < 0 || staticTypes[name[dot:]] == "" {
		q.plainError(http.StatusNotFound)
		return
	}
	h := q.w.Header()
	h.Set("Content-Type", staticTypes[name[dot:]])
	h.Set("Cache-Control", "public, max-age=86400")
	_, _ = q.w.Write(b)
}
