package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// EventIDHeader is the header of an answer that names the audit event of the request.
const EventIDHeader = "X-Bulkhead-Event-Id"

// Auditor records events, and keeps nothing of what it is given; *audit.Log is one.
type Auditor interface {
	Append(ctx context.Context, e *audit.Event) error
	Queue(ctx context.Context, e *audit.Event) error
	Intent(ctx context.Context, e *audit.Event) (*audit.Ticket, error)
}

// Note adds a parameter to the audit event of the call: the name of something the request was about. Never note a value
// that a tenant stores, a secret, a token or a password.
func (c *Call) Note(name, value string) {
	c.params = append(c.params, audit.Param{Name: name, Value: value})
}

// event describes the call so far. It is valid until the next call of event: an Auditor keeps nothing of it.
func (c *Call) event(op *Op) *audit.Event {
	e := &c.recorded
	*e = audit.Event{
		ID: c.EventID, Time: c.Now, Region: c.Region, SourceIP: c.SourceIP, UserAgent: c.UserAgent,
		RequestID: c.RequestID, Identity: audit.IdentityOf(c.Caller), Tags: c.Caller.Tags, Tenant: c.Caller.Tenant,
		Params: c.params, Account: c.Account, Resources: c.resources[:0],
	}
	if c.Secure {
		e.TLS.Host = c.Host
	}
	if n := len(c.Via); n > 0 {
		e.Identity.InvokedBy = c.Via[n-1]
	}
	if op != nil {
		e.Source, e.Name = op.Service.EventSource, cmp.Or(op.Event, op.Name)
		e.ReadOnly, e.Management = !op.Write, op.Kind == Management
	}
	return e
}

// decided writes what authorization said into the event.
func decided(e *audit.Event, out *authz.Outcome) {
	d := out.Decided
	if e.Identity.Account == "" || d != nil && d.Check.As != nil { // a web identity's request is not its signer's
		e.Account = ownerOf(e.Account, out)
	}
	switch {
	case out.Open != "":
		e.Decision = audit.Decision{Effect: effect(out.Allowed()), Policy: out.Open}
		return
	case d == nil:
		e.Decision.Effect = "ImplicitDeny"
		return
	case d.Guard:
		e.Decision.Effect = "GuardDeny"
		e.Decision.Guard = "policies allowed another tenant's rows"
	case d.Decision.Reason == policy.ExplicitDeny:
		e.Decision.Effect = "ExplicitDeny"
	default:
		e.Decision.Effect = effect(d.Decision.Allowed)
	}
	e.Decision.Policy, e.Decision.Statement = d.Decision.Source, statementOf(&d.Decision)
	if !d.Decision.Allowed && d.Decision.Source == "" {
		e.Decision.Policy, e.Decision.Statement, e.Decision.Unmet = d.Near.Source, d.Near.Statement, d.Near.Unmet
	}
	e.Resources = append(e.Resources, resourceOf(d.Check.Resource.ARN, d.Check.Resource.Account))
	for arn, account := range out.Grant.EachResource {
		if !slices.ContainsFunc(e.Resources, func(r audit.Resource) bool { return r.ARN == arn }) {
			e.Resources = append(e.Resources, resourceOf(arn, account))
		}
	}
}

// statementOf names the deciding statement: by its Sid, or its number.
func statementOf(d *policy.Decision) string {
	if d.Sid != "" || d.Source == "" {
		return d.Sid
	}
	return "#" + strconv.Itoa(d.Statement)
}

// ownerOf is the account that an event of a caller without one, or of a web identity, belongs to: the resource's.
func ownerOf(fallback string, out *authz.Outcome) string {
	owner, _ := out.Grant.Home()
	if out.Decided != nil {
		owner = out.Decided.Check.Resource.Account
	}
	if owner == "" {
		return fallback
	}
	return owner
}

func effect(allowed bool) string {
	if allowed {
		return "Allow"
	}
	return "ImplicitDeny"
}

// resourceOf names the resource of a check; its type is left to the service part of the ARN.
func resourceOf(arn, account string) audit.Resource {
	r := audit.Resource{ARN: arn, Account: account}
	rest, service := r.ARN, ""
	for i := range 5 { // arn:partition:service:region:account:resource
		part, after, ok := strings.Cut(rest, ":")
		if !ok {
			return r
		}
		if i == 2 {
			service = part
		}
		rest = after
	}
	kind, _, _ := strings.Cut(rest, "/")
	r.Type = "AWS::" + service + "::" + kind
	return r
}

// failed writes an error into the event, as the caller is told it. But what is wrong with an input is said with the values
// in it, which may be a tenant's and belong in no log.
func failed(e *audit.Event, err error) {
	f := fault.From(err)
	e.ErrorCode = f.Code
	if e.ErrorCode == "" {
		e.ErrorCode = f.Class.String()
	}
	if f.Class != fault.Validation && f.Class != fault.Serialization {
		e.ErrorMessage, _, _ = strings.Cut(f.Message, " Encoded authorization failure message:")
	}
	if errors.Is(err, authz.ErrForeignRow) {
		e.Decision.Effect = "GuardDeny"
		e.Decision.Guard = "policies allowed another tenant's rows"
	}
}

// refuse records a request that never reached its operation and returns the error to answer with.
func (r *run) refuse(err error) error {
	r.call.EventID = audit.NewID()
	e := r.call.event(r.op)
	if r.sig != nil && e.Identity.AccessKeyID == "" {
		e.Identity.AccessKeyID = clip(r.sig.AccessKeyID, 128)
	}
	if e.Source == "" && r.api != nil {
		e.Source = r.api.EventSource
	}
	failed(e, err)
	if r.call.Caller.Kind == authn.Anonymous && !r.call.admit(&r.flood, e) {
		return err
	}
	write := r.Audit.Queue // whoever has no credentials must not make the server sync
	if e.Management && r.call.Caller.Kind != authn.Anonymous {
		write = r.Audit.Append
	}
	if auditErr := write(r.ctx, e); auditErr != nil {
		return fault.Wrap(auditErr, "audit refusal")
	}
	return err
}

// admit reports whether the refusal of somebody without credentials gets an event of its own.
func (c *Call) admit(f *flood, e *audit.Event) bool {
	dropped, ok := f.admit(c.Now)
	if !ok {
		c.EventID = audit.ID{}
		return false
	}
	if dropped > 0 {
		e.Params = append(e.Params, audit.Param{Name: "refusalsWithoutEvent", Value: strconv.Itoa(dropped)})
	}
	return true
}

// do takes a decoded request through authorization, audit and execution.
func (c *Call) do(ctx context.Context, op *Op, in any) (any, error) {
	c.EventID = audit.NewID()
	out, err := c.authorize(ctx, op, in)
	if err == nil && !out.Allowed() {
		err = c.denied(op, &out)
	}
	if err != nil {
		e := c.event(op)
		decided(e, &out)
		failed(e, err)
		return nil, c.record(ctx, op, e, err)
	}
	if op.Kind == Management && op.Write {
		return c.executeWithIntent(ctx, op, &out, in)
	}
	result, err := c.execute(ctx, op, &out, in)
	e := c.outcome(op, &out, err)
	return result, c.record(ctx, op, e, err)
}

// outcome describes an operation that was executed.
func (c *Call) outcome(op *Op, out *authz.Outcome, err error) *audit.Event {
	e := c.event(op)
	decided(e, out)
	if err != nil {
		failed(e, err)
	} else if c.Grant.Hid() {
		e.Decision.Guard = "policies allowed another tenant's rows; they were left out"
	}
	share(e)
	return e
}

// record writes the event of a call that needed no intent and returns err, or why the event could not be written.
func (c *Call) record(ctx context.Context, op *Op, e *audit.Event, err error) error {
	write := c.server.Audit.Queue
	if op.Kind == Management {
		write = c.server.Audit.Append
	}
	auditErr := write(ctx, e)
	if shared := sharedWith(e); shared != nil && auditErr == nil {
		auditErr = write(ctx, shared)
	}
	if auditErr != nil {
		return fault.Wrap(auditErr, "audit")
	}
	return err
}

// share marks the event of an executed request that reached into another account, whose operators are to see it too.
func share(e *audit.Event) {
	for _, r := range e.Resources {
		if r.Account != "" && r.Account != e.Account && e.Identity.Account != "" {
			e.SharedID = audit.NewID()
			return
		}
	}
}

// sharedWith is the event that the owner of another account's resource gets beside the caller's: with that resource, and
// of the caller no more than its account and id ("CloudTrail userIdentity element": cross-account access). Nil if the
// event is not shared.
func sharedWith(e *audit.Event) *audit.Event {
	if e.SharedID.IsZero() {
		return nil
	}
	o := *e
	o.ID, o.Resources, o.Params, o.Tags, o.Tenant = audit.NewID(), nil, nil, nil, tenant.ID{}
	o.Identity = audit.Identity{
		Type: "AWSAccount", PrincipalID: e.Identity.PrincipalID, Account: e.Identity.Account, InvokedBy: e.Identity.InvokedBy,
	}
	o.Decision = audit.Decision{Effect: e.Decision.Effect}
	for _, r := range e.Resources {
		if r.Account == "" || r.Account == e.Account || len(o.Resources) > 0 && r.Account != o.Account {
			continue
		}
		o.Account, o.Resources = r.Account, append(o.Resources, r)
	}
	return &o
}

// executeWithIntent records durably that the operation is about to run before it does.
func (c *Call) executeWithIntent(ctx context.Context, op *Op, out *authz.Outcome, in any) (any, error) {
	intent := c.event(op)
	decided(intent, out)
	ticket, err := c.server.Audit.Intent(ctx, intent)
	if err != nil {
		return nil, fault.Wrap(err, "audit intent")
	}
	result, err := c.execute(ctx, op, out, in)
	e := c.outcome(op, out, err)
	// the operation has run: its outcome is recorded even if the caller has gone
	if auditErr := ticket.Done(context.WithoutCancel(ctx), e); auditErr != nil {
		return nil, fault.Wrap(auditErr, "audit outcome")
	}
	if shared := sharedWith(e); shared != nil {
		if auditErr := c.server.Audit.Append(context.WithoutCancel(ctx), shared); auditErr != nil {
			return nil, fault.Wrap(auditErr, "audit outcome in the resource's account")
		}
	}
	return result, err
}

// execute runs the operation. A row that the guard keeps back turns into the denial it is.
func (c *Call) execute(ctx context.Context, op *Op, out *authz.Outcome, in any) (any, error) {
	result, err := c.run(ctx, op, in)
	if err == nil || !errors.Is(err, authz.ErrForeignRow) || out.Decided == nil {
		return result, err
	}
	d := *out.Decided
	d.Guard = true
	return nil, fault.From(c.denied(op, &authz.Outcome{Decided: &d})).With(authz.ErrForeignRow)
}

// run calls the handler. A panic in it fails the one request, which is audited as any failure.
func (c *Call) run(ctx context.Context, op *Op, in any) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, panicked(p)
		}
	}()
	return op.execute(ctx, c, in)
}

// panicked is the failure of a request whose handling panicked. The stack is for the log.
func panicked(p any) error { return fault.Wrap(fmt.Errorf("%v\n%s", p, debug.Stack()), "panic") }
