// Package mailpage serves the page of the local mailbox: the codes and invitations that user pools left on a server without
// mail. Whoever reads one may sign in as its user, so the page opens by a single-use link that an operator asks the API for.
package mailpage

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"time"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/peer"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/bulkhead"
)

//go:embed page.html static
var files embed.FS

// cookie holds the session. Scripts cannot read it, other sites cannot send it, and other paths do not get it.
const cookie = "bulkhead-mail"

// policy lets the page load its own style and script, talk to its own address, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page serves one server's mailbox.
type page struct {
	server *pipeline.Server
	log    *slog.Logger
	tmpl   *template.Template
}

// New returns the handler of everything at and below bulkhead.MailPath.
func New(server *pipeline.Server, log *slog.Logger) (http.Handler, error) {
	tmpl, err := template.New("page.html").Funcs(template.FuncMap{"stamp": stamp, "ago": ago}).ParseFS(files, "page.html")
	if err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, err
	}
	p := &page{server, log, tmpl}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+bulkhead.MailPath, p.show)
	mux.HandleFunc("GET "+bulkhead.MailPath+"/open", p.open)
	mux.Handle("GET "+bulkhead.MailPath+"/static/", http.StripPrefix(bulkhead.MailPath+"/static/", http.FileServerFS(static)))
	return guarded(mux), nil
}

// guarded sets the headers that every answer has.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// open takes a link for a session.
func (p *page) open(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // looking at a link without following it must not use it up
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ticket := r.URL.Query().Get("ticket")
	out, err := pipeline.Serve[api.OpenMailboxOutput](r.Context(), p.server.Anonymous(r), "bulkhead", "OpenMailbox",
		&api.OpenMailboxInput{Ticket: &ticket})
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Name: cookie, Value: *out.Session, Path: bulkhead.MailPath, HttpOnly: true, Secure: peer.Secure(r), SameSite: http.SameSiteStrictMode,
		MaxAge: int(time.Until(*out.ExpiresAt) / time.Second),
	})
	http.Redirect(w, r, bulkhead.MailPath, http.StatusSeeOther)
}

// view is what the template shows.
type view struct {
	// Problem is why there is nothing to see; "" shows the messages.
	Problem  string
	Messages []message
	Now      time.Time
}

type message struct {
	Time                             time.Time
	Medium, To, Username, Pool, Code string
	Subject, Body                    string
}

// show lists the messages, the newest first.
func (p *page) show(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie(cookie)
	if err != nil {
		p.write(w, http.StatusUnauthorized, view{Problem: "This page opens by a link."})
		return
	}
	call := p.server.Anonymous(r)
	out, err := pipeline.Serve[api.ReadMailboxOutput](r.Context(), call, "bulkhead", "ReadMailbox", &api.ReadMailboxInput{Session: &c.Value})
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	v := view{Now: call.Now}
	for i := range slices.Backward(out.Messages) {
		m := &out.Messages[i]
		v.Messages = append(v.Messages, message{
			Time: *m.Time, Medium: opt.Value(m.Medium), To: opt.Value(m.To), Username: opt.Value(m.Username), Pool: opt.Value(m.UserPoolId),
			Code: opt.Value(m.Code), Subject: opt.Value(m.Subject), Body: opt.Value(m.Body),
		})
	}
	p.write(w, http.StatusOK, v)
}

func (p *page) refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch f := fault.From(err); {
	case fault.Is(err, "InvalidMailboxLinkException"), f.Class == fault.Validation:
		p.write(w, http.StatusUnauthorized, view{Problem: "This link was opened already, is over, or is for another address."})
	default:
		p.log.ErrorContext(r.Context(), "the mailbox page failed", "class", f.Class.String(), "cause", f.Cause)
		p.write(w, http.StatusInternalServerError, view{Problem: "The mailbox cannot be read. The server's log says why."})
	}
}

func (p *page) write(w http.ResponseWriter, status int, v view) {
	var b bytes.Buffer
	if err := p.tmpl.Execute(&b, v); err != nil {
		p.log.Error("the mailbox page failed", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that left is nobody to tell
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ago is how long before now a message was made.
func ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 24*time.Hour:
		return plural(int(d/time.Hour), "hour")
	}
	return t.UTC().Format("2 Jan 2006, 15:04 UTC")
}
func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit + " ago"
	}
	return fmt.Sprintf("%d %ss ago", n, unit)
}
