package login

import (
	"html/template"
	"net/http"
	"net/url"

	api "github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
)

// linked reports whether the request is by a link that confirms a user, rather than for the page that asks for a code.
func (p parameters) linked() bool { return p.values.Has(messages.LinkCode) }

// linkView is the page of a link. It has a button, for opening a link must not confirm anybody: what scans mail opens links
// before their readers do, and would confirm addresses that nobody reads.
func (q *request) linkView(p parameters) *view {
	again := url.Values{}
	for _, name := range []string{messages.LinkClient, messages.LinkUsername, messages.LinkCode} {
		again.Set(name, p.values.Get(name))
	}
	return &view{
		Name: "confirmlink", Title: "Confirm your account",
		Query: template.URL(again.Encode()), Token: q.formToken(q.browser()), //nolint:gosec // made by url.Values.Encode
	}
}

// showLink is GET /confirmUser by a link.
func (q *request) showLink(p parameters) {
	if err := p.check(); err != nil {
		q.errorPage(err)
		return
	}
	q.page(http.StatusOK, q.linkView(p))
}

// confirmLink is POST /confirmUser by the button of a link's page.
func (q *request) confirmLink(p parameters) {
	if _, ok := q.form(); !ok {
		q.page(http.StatusForbidden, &view{Name: "error", Title: "This page has expired", Error: "Please open the link in your mail again."})
		return
	}
	if err := p.check(); err != nil {
		q.errorPage(err)
		return
	}
	_, err := run[api.ConfirmByLinkOutput](q, "ConfirmByLink", &api.ConfirmByLinkInput{
		PoolId: &q.pool.ID, ClientId: p.get(messages.LinkClient), Username: p.get(messages.LinkUsername), Code: p.get(messages.LinkCode),
	})
	if err != nil {
		q.page(http.StatusBadRequest, &view{Name: "error", Title: "Your account is not confirmed", Error: saidOfLink(fault.From(err))})
		return
	}
	q.page(http.StatusOK, &view{Name: "done", Title: "Your account is confirmed"})
}

// saidOfLink is what a user is told of a link that does not work.
func saidOfLink(f *fault.Error) string {
	switch f.Code {
	case "LimitExceededException", "TooManyRequestsException", "TooManyFailedAttemptsException":
		return said(f)
	}
	if f.Class == fault.Modeled || f.Class == fault.Validation {
		return "The link is not valid, was used already or has expired."
	}
	return said(f)
}
