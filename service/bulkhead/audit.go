package bulkhead

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

func (requirements) ListAuditEvents(s *authz.Scope, in *api.ListAuditEventsInput) authz.Requirement {
	if in.Tenant != nil {
		return authz.Require("bulkhead:ListAuditEvents", resource(s, *in.Tenant), nil)
	}
	return authz.Require("bulkhead:ListAuditEvents", resource(s, "*"), nil)
}

func (r requirements) VerifyAudit(s *authz.Scope, _ *api.VerifyAuditInput) authz.Requirement {
	return r.whole(s, "bulkhead:VerifyAudit")
}

func (r requirements) GetAuditAnchors(s *authz.Scope, _ *api.GetAuditAnchorsInput) authz.Requirement {
	return r.whole(s, "bulkhead:GetAuditAnchors")
}

// whole is the requirement of operations on the log of all accounts: they are the default account's resource.
func (r requirements) whole(s *authz.Scope, action string) authz.Requirement {
	arn := "arn:" + s.Partition + ":bulkhead:" + s.Region + ":" + r.main + ":audit"
	return authz.Require(action, authz.Resource{ARN: arn, Account: r.main, Region: s.Region}, nil)
}

// auditPage is the number of events on a page unless the request says another.
const auditPage = 500

// ListAuditEvents lists the account's events from a time on, oldest first, data events included; with a tenant, those of
// requests made for it.
func (s *Service) ListAuditEvents(ctx context.Context, c *pipeline.Call, in *api.ListAuditEventsInput) (*api.ListAuditEventsOutput, error) {
	q := audit.TailQuery{Account: c.Account, From: time.Unix(0, 1), Once: true}
	if in.Tenant != nil {
		q.Tenant = *in.Tenant
	}
	if in.Start != nil {
		q.From = *in.Start
	}
	size := auditPage
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	out := &api.ListAuditEventsOutput{Events: []api.AuditEvent{}}
	for f, err := range s.log.Tail(ctx, q) {
		if err != nil {
			return nil, fault.Wrap(err, "read the audit log")
		}
		body := string(f.JSON)
		out.Events = append(out.Events, api.AuditEvent{
			Id: &f.ID, Time: &f.Time, Name: &f.Name, Source: &f.Source, Tenant: opt.Present(f.Tenant), Username: opt.Present(f.Username), Event: &body,
		})
		if len(out.Events) == size {
			break
		}
	}
	return out, nil
}

// VerifyAudit reads the whole log and says whether anything in it was removed, added or changed.
func (s *Service) VerifyAudit(ctx context.Context, _ *pipeline.Call, in *api.VerifyAuditInput) (*api.VerifyAuditOutput, error) {
	var o audit.VerifyOptions
	for _, text := range in.Anchors {
		a, err := audit.ParseAnchor(text)
		if err != nil {
			return nil, api.NewInvalidAnchorException("An anchor has the form chain:seq:hash, as GetAuditAnchors returns it.").With(err)
		}
		o.Anchors = append(o.Anchors, a)
	}
	r, err := s.log.Verify(ctx, o)
	if err != nil {
		return nil, fault.Wrap(err, "verify the audit log")
	}
	ok := r.OK()
	out := &api.VerifyAuditOutput{
		Ok: &ok, Chains: number(r.Chains), Records: number(r.Records), Gaps: number(r.Gaps), Open: number(r.Open),
		Pending: number(r.Pending), Problems: []string{},
	}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, p.String())
	}
	return out, nil
}

func number(n uint64) *int64 {
	v := int64(n)
	return &v
}

// GetAuditAnchors returns where the chains end now. Kept elsewhere, they show later that nothing up to there was removed.
func (s *Service) GetAuditAnchors(ctx context.Context, _ *pipeline.Call, _ *api.GetAuditAnchorsInput) (*api.GetAuditAnchorsOutput, error) {
	anchors, err := s.log.Anchors(ctx)
	if err != nil {
		return nil, fault.Wrap(err, "read the audit log")
	}
	out := &api.GetAuditAnchorsOutput{Anchors: []string{}}
	for _, a := range anchors {
		out.Anchors = append(out.Anchors, a.String())
	}
	return out, nil
}
