package login

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
)

//go:embed templates
var templateFiles embed.FS

// templates are the pages, each with the frame around it.
var templates = sync.OnceValue(func() map[string]*template.Template {
	frame := template.Must(template.ParseFS(templateFiles, "templates/frame.html", "templates/parts.html"))
	pages, _ := templateFiles.ReadDir("templates") // embedded: it is there
	out := map[string]*template.Template{}
	for _, f := range pages {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name == "frame" || name == "parts" {
			continue
		}
		out[name] = template.Must(template.Must(frame.Clone()).ParseFS(templateFiles, "templates/"+f.Name()))
	}
	return out
})

// view is what a page shows.
type view struct {
	Name, Title string
	// Base and Query make the addresses of other pages; Static is where files are. Query is encoded.
	Base, Static string
	Query        template.URL
	// Token shows that a form was made for the browser.
	Token string
	// Notice is good news, Error what went wrong.
	Notice, Error string
	Page          *pageFacts
	// Username was typed before. Form holds further values to show again.
	Username string
	Form     map[string]string
	// Challenge, State and Parameters are those of a sign-in under way.
	Challenge, State string
	Parameters       map[string]string
	Passed           string // Parameters for the next form
	Fields           []field
	Destination      string
	CodeField        string // the name of the code's input
	ByLink           bool   // a link was sent rather than a code
	// Question and Choices are what a page has to choose from, which the input Choice names.
	Question string
	Choices  []field
	// Secret is the key for an authenticator app, and QR the image that holds it.
	Secret string
	QR     template.HTML
	// Options are what the browser's user is asked by for a passkey, as JSON, and Script the file that does so.
	Options, Script string
	// Scopes are what a client wants.
	Scopes []cognitoidp.ConsentScope
	// Shown is what a custom challenge tells.
	Shown []field
}

// page writes a page.
func (q *request) page(status int, v *view) {
	v.Base, v.Static = q.base, q.base+"/static/"
	var b bytes.Buffer
	if err := templates()[v.Name].ExecuteTemplate(&b, "frame", v); err != nil {
		q.plainError(http.StatusInternalServerError)
		return
	}
	h := q.w.Header()
	if v.Script != "" {
		h.Set("Content-Security-Policy", "script-src 'self'; "+h.Get("Content-Security-Policy"))
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	q.w.WriteHeader(status)
	_, _ = q.w.Write(b.Bytes())
}

// plainError is the answer where no pool, and so no page, is known.
func (q *request) plainError(status int) {
	q.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	q.w.WriteHeader(status)
	_, _ = q.w.Write([]byte(http.StatusText(status) + "\n"))
}

// errorPage tells the browser's user that the request cannot be served: it never sends the browser on.
func (q *request) errorPage(err error) {
	f := fault.From(err)
	status, text := http.StatusBadRequest, f.Message
	switch {
	case f.Class == fault.Validation || f.Class == fault.Serialization:
		text = "A parameter of the address is not valid."
	case f.Class != fault.Modeled:
		status, text = http.StatusInternalServerError, "The service cannot answer at the moment. Please try again later."
	}
	q.page(status, &view{Name: "error", Title: "Something is not right", Error: text, Form: map[string]string{"code": f.Code}})
}

// target names where a redirect URI leads, for people: a host, or the scheme of an application on the machine.
func target(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil {
		return ""
	}
	return cmp.Or(u.Host, u.Scheme)
}

// formTargets adds to the policy where a sign-in may lead: browsers hold the redirects after a form to form-action, those
// of the application's own pages too. An application's own scheme and http on the machine are named by the redirect URI,
// which an operation has found to be the client's.
func (q *request) formTargets(redirect string) {
	u, err := url.Parse(redirect)
	if err != nil {
		return
	}
	target := " https:"
	switch u.Scheme {
	case "https", "":
	case "http":
		target += " http://" + u.Host
	default:
		target += " " + u.Scheme + ":"
	}
	if strings.ContainsAny(target, ";,'\"\r\n") {
		return
	}
	q.w.Header().Set("Content-Security-Policy", policy+"'self'"+target)
}
