package login

import (
	"net/http"

	api "github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// labels name the standard attributes, with the type of their input and what browsers may fill in.
var labels = map[string][3]string{
	"email": {"Email address", "email", "email"}, "phone_number": {"Phone number", "tel", "tel"},
	"name": {"Full name", "text", "name"}, "given_name": {"First name", "text", "given-name"}, "family_name": {"Last name", "text", "family-name"},
	"middle_name": {"Middle name", "text", "additional-name"}, "nickname": {"Nickname", "text", "nickname"},
	"preferred_username": {"Preferred username", "text", "username"}, "profile": {"Profile address", "url", "url"},
	"picture": {"Picture address", "url", "photo"}, "website": {"Website", "url", "url"}, "gender": {"Gender", "text", "sex"},
	"birthdate": {"Date of birth", "date", "bday"}, "zoneinfo": {"Time zone", "text", "off"}, "locale": {"Language", "text", "language"},
	"address": {"Address", "text", "street-address"},
}

// inputOf is the input for an attribute.
func inputOf(name string, required bool) field {
	l, ok := labels[name]
	if !ok {
		l = [3]string{customLabel(name), "text", "off"}
	}
	return field{Name: name, Label: l[0], Type: l[1], Complete: l[2], Required: required}
}

func (q *request) showSignUp() {
	v := q.prepare("signup", "Create your account", q.query())
	if v == nil {
		return
	}
	if !v.Page.SignUp {
		q.page(http.StatusForbidden, &view{Name: "error", Title: "Something is not right", Error: "Accounts are made by an administrator."})
		return
	}
	v.Fields = v.Page.Fields
	q.page(http.StatusOK, v)
}

// signUp is POST /signup.
func (q *request) signUp() {
	form, ok := q.form()
	if !ok {
		q.expiredForm()
		return
	}
	p := q.query()
	v := q.prepare("signup", "Create your account", p)
	if v == nil {
		return
	}
	in := &api.SignUpInput{
		PoolId: &q.pool.ID, Request: p.authorization(), Username: new(form.values.Get("username")),
		Password: new(form.values.Get("password")), Attributes: map[string]string{},
	}
	v.Username, v.Fields = *in.Username, v.Page.Fields
	for i := range v.Fields {
		f := &v.Fields[i]
		if f.Value = form.values.Get("attribute." + f.Name); f.Value != "" {
			in.Attributes[f.Name] = f.Value
		}
	}
	out, err := run[api.SignUpOutput](q, "SignUp", in)
	if err != nil {
		v.Error = said(fault.From(err))
		q.page(http.StatusOK, v)
		return
	}
	if opt.Value(out.Confirmed) || out.Destination == nil {
		q.redirect(q.base + "/login?" + string(v.Query) + "&done=confirmed")
		return
	}
	v.Name, v.Title, v.Destination = "confirm", "Confirm your account", opt.Value(out.Destination)
	v.ByLink = opt.Value(out.ByLink)
	q.page(http.StatusOK, v)
}

func (q *request) showConfirm() {
	p := q.query()
	if p.linked() {
		q.showLink(p)
		return
	}
	q.begin(p, "confirm", "Confirm your account", func(v *view) { v.Username = p.values.Get("login_hint") })
}

// confirm is POST /confirmUser.
func (q *request) confirm() {
	if p := q.query(); p.linked() {
		q.confirmLink(p)
		return
	}
	q.act("confirm", "Confirm your account", func(v *view, p, form parameters) error {
		_, err := run[api.ConfirmSignUpOutput](q, "ConfirmSignUp", &api.ConfirmSignUpInput{
			PoolId: &q.pool.ID, Request: p.authorization(), Username: &v.Username, Code: new(form.values.Get("code")),
		})
		if err == nil {
			q.redirect(q.base + "/login?" + string(v.Query) + "&done=confirmed")
		}
		return err
	})
}

// resend is POST /resendcode.
func (q *request) resend() {
	q.act("confirm", "Confirm your account", func(v *view, p, _ parameters) error {
		out, err := run[api.ResendCodeOutput](q, "ResendCode", &api.ResendCodeInput{PoolId: &q.pool.ID, Request: p.authorization(), Username: &v.Username})
		if err == nil {
			v.Destination, v.Notice = opt.Value(out.Destination), "A new code is on its way."
			if v.ByLink = opt.Value(out.ByLink); v.ByLink {
				v.Notice = "A new link is on its way."
			}
			q.page(http.StatusOK, v)
		}
		return err
	})
}

func (q *request) showForgot() {
	p := q.query()
	q.begin(p, "forgot", "Forgot your password?", func(v *view) { v.Username = p.values.Get("login_hint") })
}

// forgot is POST /forgotPassword.
func (q *request) forgot() {
	q.act("forgot", "Forgot your password?", func(v *view, p, _ parameters) error {
		out, err := run[api.ForgotPasswordOutput](q, "ForgotPassword", &api.ForgotPasswordInput{
			PoolId: &q.pool.ID, Request: p.authorization(), Username: &v.Username,
		})
		if err == nil {
			v.Name, v.Title, v.Destination = "reset", "Set a new password", opt.Value(out.Destination)
			q.page(http.StatusOK, v)
		}
		return err
	})
}

func (q *request) showReset() {
	p := q.query()
	q.begin(p, "reset", "Set a new password", func(v *view) { v.Username = p.values.Get("login_hint") })
}

// reset is POST /confirmForgotPassword.
func (q *request) reset() {
	q.act("reset", "Set a new password", func(v *view, p, form parameters) error {
		_, err := run[api.ResetPasswordOutput](q, "ResetPassword", &api.ResetPasswordInput{
			PoolId: &q.pool.ID, Request: p.authorization(), Username: &v.Username, Code: new(form.values.Get("code")),
			Password: new(form.values.Get("password")),
		})
		if err == nil {
			q.redirect(q.base + "/login?" + string(v.Query) + "&done=reset")
		}
		return err
	})
}

// act does what a form of a page asks for, and shows the page again with what went wrong.
func (q *request) act(name, title string, do func(v *view, p, form parameters) error) {
	form, ok := q.form()
	if !ok {
		q.expiredForm()
		return
	}
	p := q.query()
	v := q.prepare(name, title, p)
	if v == nil {
		return
	}
	v.Username, v.Destination = form.values.Get("username"), form.values.Get("destination")
	if err := do(v, p, form); err != nil {
		v.Error = said(fault.From(err))
		q.page(http.StatusOK, v)
	}
}
