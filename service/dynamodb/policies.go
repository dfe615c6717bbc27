package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
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

// attached is a resource-based policy of a table or a stream: "" is none.
type attached struct {
	Policy, PolicyRevision string `json:",omitempty"`
}

// setPolicy checks a resource-based policy of the resource with the ARN and puts it in place.
func (r *attached) setPolicy(arn, document string) error {
	if len(document) > maxPolicy {
		return invalid("Resource-based policy document exceeds the limit of %d bytes", maxPolicy)
	}
	if _, err := policy.Parse([]byte(document), policy.Resource); err != nil {
		return invalid("Invalid policy document for resource %s: %s", arn, err.Error())
	}
	r.Policy, r.PolicyRevision = document, uuid.NewString()
	return nil
}

// source is the policy as the engine reads it, nil for none.
func (r *attached) source(arn string) (*policy.Source, error) {
	if r.Policy == "" {
		return nil, nil
	}
	p, err := policy.Parse([]byte(r.Policy), policy.Resource)
	if err != nil {
		return nil, fmt.Errorf("dynamodb: policy of %s: %w", arn, err)
	}
	return &policy.Source{Name: arn, Policy: p}, nil
}

// locksOut reports whether a valid policy would keep the caller from changing it again.
func locksOut(c *pipeline.Call, account, arn, document string) bool {
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
		Action: "dynamodb:PutResourcePolicy", Resource: arn, ResourceAccount: account, Principal: who, Context: &keys,
	}, &policy.Policies{Resource: &policy.Source{Name: arn, Policy: p}})
	return d.Reason == policy.ExplicitDeny
}

func (r *attached) expect(of string, revision *string) error {
	current := r.PolicyRevision
	if current == "" {
		current = noPolicy
	}
	const missing = "Resource-based policy not found for the provided ResourceArn: "
	switch {
	case revision == nil || *revision == current:
		return nil
	case *revision == noPolicy:
		return api.NewPolicyNotFoundException(missing+"Requested policy update expecting none to be present for table %s, "+
			"but a policy exists with revision id %s.", of, current)
	case current == noPolicy:
		return api.NewPolicyNotFoundException(missing+"Requested update for policy with revision id %s, but no policy is associated to "+
			"target table %s.", *revision, of)
	}
	return api.NewPolicyNotFoundException(missing+"Requested update for policy with revision id %s, but the policy associated to "+
		"target table %s has revision id %s.", *revision, of, current)
}

// subject is what a request about a policy names: a table, or a stream if it has a label.
type subject struct {
	place
	label string
}

// locateSubject reads the ARN of a table or a stream in the region of the request.
func locateSubject(region, text string) (subject, error) {
	if !strings.Contains(text, "/stream/") {
		at, err := locateARN(region, text)
		return subject{place: at}, err
	}
	at, label, err := locateStream(text)
	if err != nil || at.region != region {
		return subject{}, invalid("Invalid ResourceArn provided as input %s", text)
	}
	return subject{at, label}, nil
}

func (s subject) arn() string {
	if s.label == "" {
		return s.place.arn()
	}
	return streamARN(s.place, s.label)
}

// missing gives a missing table or stream its message.
func (s subject) missing(err error) error {
	if s.label != "" && errors.Is(err, errNoTable) {
		return api.NewResourceNotFoundException("Requested resource not found: Stream: %s not found", s.arn())
	}
	return noTableNamed(err, s.place)
}

// ofPolicy runs fn with the policy of a table or a stream; in a transaction that writes it keeps what fn makes of it if that tells so.
func (s *Service) ofPolicy(ctx context.Context, c *pipeline.Call, on subject, write bool, fn func(*attached) (changed bool, err error)) error {
	in := s.db.View
	if write {
		in = s.db.Update
	}
	err := in(ctx, c.Grant, func(tx *store.Tx) error {
		if on.label == "" {
			return s.withAny(tx, c, on.place, func(tx *store.Tx, t *table) error {
				rec := t.record
				if changed, err := fn(&rec.attached); err != nil || !changed {
					return err
				}
				return save(tx, on.place, &rec)
			})
		}
		st, err := loadStream(tx, on.place, on.label, c.Now)
		if err == nil && st == nil {
			err = errNoTable
		}
		if err != nil {
			return err
		}
		if err := s.knownStream(tx, c, on.place, st); err != nil {
			return err
		}
		if changed, err := fn(&st.attached); err != nil || !changed {
			return err
		}
		recs, err := tx.Records(on.account, on.region)
		if err != nil {
			return err
		}
		return store.Save(recs, streamKey(on.name, on.label), st)
	})
	return on.missing(err)
}

// knownStream is known for a stream.
func (s *Service) knownStream(tx *store.Tx, c *pipeline.Call, at place, st *stream) error {
	t, err := s.current(tx, at)
	if err != nil {
		return err
	}
	owner, err := s.ownerOf(st, t)
	if err != nil {
		return err
	}
	return known(c, &authz.Resource{ID: st.Table, Account: at.account, Owner: owner})
}

// PutResourcePolicy attaches a policy to a table or a stream, in place of the one it had.
func (s *Service) PutResourcePolicy(ctx context.Context, c *pipeline.Call, in *api.PutResourcePolicyInput) (*api.PutResourcePolicyOutput, error) {
	on, err := locateSubject(c.Region, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if !opt.Value(in.ConfirmRemoveSelfResourceAccess) && locksOut(c, on.account, on.arn(), *in.Policy) {
		return nil, invalid("The new policy would remove your permission to change it. Set ConfirmRemoveSelfResourceAccess to " +
			"true to confirm that this is what you want.")
	}
	out := &api.PutResourcePolicyOutput{}
	err = s.ofPolicy(ctx, c, on, true, func(a *attached) (bool, error) {
		if err := a.expect(on.name, in.ExpectedRevisionId); err != nil {
			return false, err
		}
		changed := *in.Policy != a.Policy
		if changed {
			if err := a.setPolicy(on.arn(), *in.Policy); err != nil {
				return false, err
			}
		}
		out.RevisionId = new(a.PolicyRevision)
		return changed, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// GetResourcePolicy returns the policy of a table or a stream.
func (s *Service) GetResourcePolicy(ctx context.Context, c *pipeline.Call, in *api.GetResourcePolicyInput) (*api.GetResourcePolicyOutput, error) {
	on, err := locateSubject(c.Region, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.GetResourcePolicyOutput{}
	err = s.ofPolicy(ctx, c, on, false, func(a *attached) (bool, error) {
		if a.Policy == "" {
			return false, api.NewPolicyNotFoundException("Resource-based policy not found for the provided ResourceArn: %s", on.arn())
		}
		out.Policy, out.RevisionId = new(a.Policy), new(a.PolicyRevision)
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteResourcePolicy removes the policy of a table or a stream; without one it does nothing.
func (s *Service) DeleteResourcePolicy(ctx context.Context, c *pipeline.Call, in *api.DeleteResourcePolicyInput) (*api.DeleteResourcePolicyOutput, error) {
	on, err := locateSubject(c.Region, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.DeleteResourcePolicyOutput{}
	err = s.ofPolicy(ctx, c, on, true, func(a *attached) (bool, error) {
		if err := a.expect(on.name, in.ExpectedRevisionId); err != nil {
			return false, err
		}
		out.RevisionId = opt.Present(a.PolicyRevision)
		changed := a.Policy != ""
		*a = attached{}
		return changed, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
