package cognitoidp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/delivery"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
)

// carrier is a deliverer that notes what it is given and answers err.
type carrier struct {
	mu  sync.Mutex
	err error
	got []messages.Message
}

func (c *carrier) Deliver(_ context.Context, _ authz.Grant, m messages.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, m)
	if m.Quiet {
		return nil
	}
	return c.err
}

func TestDeliveryErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for err, code := range map[error]string{
		fmt.Errorf("x: %w", delivery.ErrLimited): "LimitExceededException", delivery.ErrBusy: "TooManyRequestsException",
		delivery.ErrRefused: "CodeDeliveryFailureException", errors.New("550 we do not like <ana>"): "CodeDeliveryFailureException",
	} {
		w.s.Deliverer = &carrier{err: err}
		name := uuid.NewString()
		_, got := do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{
			ClientId: &w.app, Username: &name, Password: new(password),
			UserAttributes: []api.AttributeType{{Name: new("email"), Value: new(name + "@example.com")}},
		})
		f := fault.From(got)
		if got == nil || f.Code != code || strings.Contains(f.Message, "ana") {
			t.Errorf("%v answers %v", err, got)
		}
	}
}

// A name is text in a pool's HTML, whatever it holds: who signs up chooses it, and may sign somebody else up.
func TestNamesAreNoHTML(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.EmailVerificationMessage = new("<p>{username}: <b>{####}</b></p>")
		in.EmailConfiguration = &api.EmailConfigurationType{ReplyToEmailAddress: new("help@shop.example")}
	})
	c := &carrier{}
	w.s.Deliverer = c
	name := "<a/href=//evil.example>&\"'"
	must(do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{
		ClientId: &w.app, Username: &name, Password: new(password),
		UserAttributes: []api.AttributeType{{Name: new("email"), Value: new("ana@example.com")}},
	}))(t)
	m := c.got[0]
	if strings.Contains(m.HTML, "evil.example>") || !strings.HasPrefix(m.HTML, "<p>&lt;a/href=//evil.example&gt;&amp;&#34;&#39;: <b>") {
		t.Errorf("the page is %q", m.HTML)
	}
	if m.ReplyTo != "help@shop.example" || m.Quiet {
		t.Errorf("the message is %+v", m)
	}
}

// With an app client that hides users, a delivery that fails or is slow does not tell that there was one.
func TestFailedDeliveryHidesUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.s.Deliverer = &carrier{}
	must(do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{
		ClientId: &w.app, Username: new("ana"), Password: new(password),
		UserAttributes: []api.AttributeType{{Name: new("email"), Value: new("ana@example.com")}},
	}))(t)
	w.s.Deliverer = &carrier{err: errors.New("no mail today")}
	resend := func(client, name string) error {
		_, err := do(w, w.r.ResendConfirmationCode, w.s.ResendConfirmationCode, &api.ResendConfirmationCodeInput{ClientId: &client, Username: &name})
		return err
	}
	if err := resend(w.quiet, "ana"); err != nil {
		t.Errorf("a client that hides users tells of one: %v", err)
	}
	if err := resend(w.quiet, "nobody"); err != nil {
		t.Errorf("and for nobody: %v", err)
	}
	if err := resend(w.app, "ana"); err == nil {
		t.Error("a client that hides nothing is not told of the failure")
	}
}
