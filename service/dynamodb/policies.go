package dynamodb

import (
	"context"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/store"
)

// maxPolicy is the largest resource-based policy in bytes (DynamoDB Developer Guide, "Resource-based policies
// considerations").
const maxPolicy = 20 * 1024

// noPolicy is the ExpectedRevisionId that stands for no policy.
const noPolicy = "NO_POLICY"

// setPolicy checks a resource-based policy and puts it in place.
func (r *record) setPolicy(at place, document string) error {
	if len(document) > maxPolicy {
		return invalid("Resource-based policy document exceeds the limit of %d bytes", maxPolicy)
	}
	if _, err := policy.Parse([]byte(document), policy.Resource); err != nil {
		return invalid("Invalid policy document for resource %s: %s", at.arn(), err.Error())
	}
	r.Policy, r.PolicyRevision = document, uuid.NewString()
	return nil
}

// locksOut reports whether a valid policy would keep the caller from changing it again.
func locksOut(c *pipeline.Call, at place, document string) bool {
	p, err := policy.Parse([]byte(document), policy.Resource)
	if err != nil {
		return false
	}
	who := policy.Principal{
		Account: c.Caller.Account, ARN: c.Caller.ARN, IssuerARN: c.Caller.RoleARN, Root: c.Caller.Kind == authn.Root,
	}
	var keys policy.Context
	if who.IssuerARN == "" {
		who.IssuerARN = who.ARN
	}
	keys.Set("aws:PrincipalArn", who.IssuerARN)
	keys.Set("aws:PrincipalAccount", who.Account)
	d := policy.Evaluate(&policy.Request{
		Action: "dynamodb:PutResourcePolicy", Resource: at.arn(), ResourceAccount: at.account, Principal: who, Context: &keys,
	}, &policy.Policies{Resource: &policy.Source{Name: at.arn(), Policy: p}})
	return d.Reason == policy.ExplicitDeny
}

func (r *record) expect(revision *string) error {
	current := r.PolicyRevision
	if current == "" {
		current = noPolicy
	}
	if revision != nil && *revision != current {
		return api.NewPolicyNotFoundException("Resource-based policy not found for the provided ResourceArn and ExpectedRevisionId: "+
			"Requested update for policy with revision id %s", *revision)
	}
	return nil
}

// PutResourcePolicy attaches a policy to a table, in place of the one it had.
func (s *Service) PutResourcePolicy(ctx context.Context, c *pipeline.Call, in *api.PutResourcePolicyInput) (*api.PutResourcePolicyOutput, error) {
	at, err := locateARN(c.Region, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if !opt.Value(in.ConfirmRemoveSelfResourceAccess) && locksOut(c, at, *in.Policy) {
		return nil, invalid("The new policy would remove your permission to change it. Set ConfirmRemoveSelfResourceAccess to " +
			"true to confirm that this is what you want.")
	}
	out := &api.PutResourcePolicyOutput{}
	err = s.changeAnyTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		rec := t.record
		if err := rec.expect(in.ExpectedRevisionId); err != nil {
			return err
		}
		if *in.Policy == rec.Policy {
			out.RevisionId = &rec.PolicyRevision
			return nil
		}
		if err := rec.setPolicy(at, *in.Policy); err != nil {
			return err
		}
		out.RevisionId = &rec.PolicyRevision
		return save(tx, at, &rec)
	})
	if err != nil {
		return nil, noResource(err, at)
	}
	return out, nil
}

// GetResourcePolicy returns the policy of a table.
func (s *Service) GetResourcePolicy(ctx context.Context, c *pipeline.Call, in *api.GetResourcePolicyInput) (*api.GetResourcePolicyOutput, error) {
	at, err := locateARN(c.Region, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.GetResourcePolicyOutput{}
	err = s.inAnyTable(ctx, c, at, func(_ *store.Tx, t *table) error {
		if t.Policy == "" {
			return api.NewPolicyNotFoundException("Resource-based policy not found for the provided ResourceArn: %s", at.arn())
		}
		out.Policy, out.RevisionId = &t.Policy, &t.PolicyRevision
		return nil
	})
	if err != nil {
		return nil, noResource(err, at)
	}
	return out, nil
}

// DeleteResourcePolicy removes the policy of a table; without one it does nothing.
func (s *Service) DeleteResourcePolicy(ctx context.Context, c *pipeline.Call, in *api.DeleteResourcePolicyInput) (*api.DeleteResourcePolicyOutput, error) {
	at, err := locateARN(c.Region, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.DeleteResourcePolicyOutput{}
	err = s.changeAnyTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		rec := t.record
		if err := rec.expect(in.ExpectedRevisionId); err != nil {
			return err
		}
		if rec.Policy == "" {
			out.RevisionId = nil
			return nil
		}
		out.RevisionId = &t.PolicyRevision
		rec.Policy, rec.PolicyRevision = "", ""
		return save(tx, at, &rec)
	})
	if err != nil {
		return nil, noResource(err, at)
	}
	return out, nil
}
