package iam

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// simulation is what both operations of the policy simulator decide with: the engine that decides requests.
type simulation struct {
	actions   []string
	resources []string
	caller    policy.Principal
	owner     string // account that owns the resources
	keys      policy.Context
	policies  policy.Policies
}

var actionForm = regexp.MustCompile(`^[A-Za-z0-9-]+:[A-Za-z0-9*]+$`)

func invalidInput(format string, args ...any) error {
	return api.NewInvalidInputException(format, args...)
}

// inputs compiles documents given with the request; they are named as AWS names them.
func inputs(list []string, name string, kind policy.Kind) ([]policy.Source, error) {
	sources := make([]policy.Source, 0, len(list))
	for i, text := range list {
		p, err := policy.Parse([]byte(text), kind)
		if err != nil {
			return nil, invalidInput("%s.%d: %s", name, i+1, err)
		}
		sources = append(sources, policy.Source{Name: fmt.Sprintf("%s.%d", name, i+1), Policy: p})
	}
	return sources, nil
}

// simulated are the members that both operations have.
type simulated struct {
	actions, resources, policies, boundaries []string
	context                                  []api.ContextEntry
	caller, owner, resourcePolicy            *string
}

// prepare builds a simulation for a caller with policies, and checks the request's own documents. call gives the account
// of resources whose ARN has none.
func prepare(call *pipeline.Call, in simulated, base *authz.PrincipalPolicies, caller policy.Principal) (*simulation, error) {
	m := &simulation{actions: in.actions, resources: in.resources, caller: caller, owner: call.Account}
	for _, a := range m.actions {
		if !actionForm.MatchString(a) {
			return nil, invalidInput("Invalid action name: %s", a)
		}
	}
	if len(m.resources) == 0 {
		m.resources = []string{"*"}
	}
	given, err := inputs(in.policies, "PolicyInputList", policy.Identity)
	if err != nil {
		return nil, err
	}
	m.policies.Identity = policy.NewSet(append(append([]policy.Source{}, base.Identity.Sources()...), given...))
	m.policies.Boundary, m.policies.HasBoundary = base.Boundary, base.HasBoundary
	boundaries, err := inputs(in.boundaries, "PermissionsBoundaryPolicyInputList", policy.Identity)
	if err != nil {
		return nil, err
	}
	if len(boundaries) > 0 {
		m.policies.Boundary, m.policies.HasBoundary = &boundaries[0], true
	}
	if err := m.setResource(in); err != nil {
		return nil, err
	}
	m.keys.Set("aws:CurrentTime", call.Now.UTC().Format(time.RFC3339))
	m.keys.Set("aws:EpochTime", strconv.FormatInt(call.Now.Unix(), 10))
	if caller.Account != "" {
		m.keys.Set("aws:PrincipalAccount", caller.Account)
		m.keys.Set("aws:PrincipalArn", caller.ARN)
	}
	return m, nil
}

// setResource takes the resource's policy and owner.
func (m *simulation) setResource(in simulated) error {
	if opt.Value(in.owner) != "" {
		a, ok := arn.Parse(*in.owner)
		switch {
		case arn.IsAccount(*in.owner):
			m.owner = *in.owner
		case ok && arn.IsAccount(a.Account):
			m.owner = a.Account
		default:
			return invalidInput("ResourceOwner must be an AWS account id or an ARN of one")
		}
	}
	if opt.Value(in.resourcePolicy) == "" {
		return nil
	}
	if m.caller.ARN == "" {
		return invalidInput("CallerArn is required when a ResourcePolicy is provided")
	}
	p, err := policy.Parse([]byte(*in.resourcePolicy), policy.Resource)
	if err != nil {
		return invalidInput("ResourcePolicy: %s", err)
	}
	m.policies.Resource = &policy.Source{Name: "ResourcePolicy", Policy: p}
	return nil
}

// callerOf reads CallerArn, which names a user ("SimulateCustomPolicy", IAM API Reference).
func callerOf(callerARN *string) (policy.Principal, error) {
	if opt.Value(callerARN) == "" {
		return policy.Principal{}, nil
	}
	a, ok := arn.Parse(*callerARN)
	if kind, _ := a.Type(); !ok || a.Service != identity.Service || kind != string(identity.KindUser) || !arn.IsAccount(a.Account) {
		return policy.Principal{}, invalidInput("Invalid Caller ARN: %s", *callerARN)
	}
	return policy.Principal{Account: a.Account, ARN: *callerARN}, nil
}

// SimulateCustomPolicy implements api.Service.
func (s *Service) SimulateCustomPolicy(_ context.Context, call *pipeline.Call, in *api.SimulateCustomPolicyInput) (*api.SimulateCustomPolicyOutput, error) {
	caller, err := callerOf(in.CallerArn)
	if err != nil {
		return nil, err
	}
	if caller.ARN == "" {
		// Without a caller the policies are those of somebody in this account.
		caller.Account = call.Account
	}
	given := simulated{
		in.ActionNames, in.ResourceArns, in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ContextEntries,
		in.CallerArn, in.ResourceOwner, in.ResourcePolicy,
	}
	m, err := prepare(call, given, &authz.PrincipalPolicies{}, caller)
	if err != nil {
		return nil, err
	}
	if err := setEntries(&m.keys, in.ContextEntries); err != nil {
		return nil, err
	}
	results, truncated, marker, err := s.simulate(call, "SimulateCustomPolicy", m, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.SimulateCustomPolicyOutput{EvaluationResults: results, IsTruncated: truncated, Marker: marker}, nil
}

// SimulatePrincipalPolicy implements api.Service.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, call *pipeline.Call, in *api.SimulatePrincipalPolicyInput) (*api.SimulatePrincipalPolicyOutput, error) {
	e, ps, err := s.policySource(ctx, call, opt.Value(in.PolicySourceArn))
	if err != nil {
		return nil, err
	}
	caller, err := callerOf(in.CallerArn)
	if err != nil {
		return nil, err
	}
	if caller.ARN == "" {
		caller = policy.Principal{Account: e.Account}
		if e.Kind == identity.KindUser {
			caller.ARN = e.ARN()
		}
	}
	given := simulated{
		in.ActionNames, in.ResourceArns, in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ContextEntries,
		in.CallerArn, in.ResourceOwner, in.ResourcePolicy,
	}
	m, err := prepare(call, given, ps, caller)
	if err != nil {
		return nil, err
	}
	describe(&m.keys, e)
	if err := setEntries(&m.keys, in.ContextEntries); err != nil {
		return nil, err
	}
	results, truncated, marker, err := s.simulate(call, "SimulatePrincipalPolicy", m, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.SimulatePrincipalPolicyOutput{EvaluationResults: results, IsTruncated: truncated, Marker: marker}, nil
}

// describe sets what is known of the simulated principal.
func describe(k *policy.Context, e *identity.Entity) {
	k.Set("aws:PrincipalArn", e.ARN())
	k.Set("aws:PrincipalAccount", e.Account)
	if e.Kind == identity.KindUser {
		k.Set("aws:username", e.Name)
		k.Set("aws:userid", e.ID)
		k.Set("aws:PrincipalType", "User")
	}
	for _, t := range e.Tags {
		k.Set("aws:PrincipalTag/"+t.Key, t.Value)
	}
}

// policySource finds the user, group or role whose policies are asked about.
func (s *Service) policySource(ctx context.Context, call *pipeline.Call, sourceARN string) (*identity.Entity, *authz.PrincipalPolicies, error) {
	a, ok := arn.Parse(sourceARN)
	kind, _ := a.Type()
	k := identity.Kind(kind)
	if !ok || a.Service != identity.Service || k != identity.KindUser && k != identity.KindGroup && k != identity.KindRole {
		return nil, nil, invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", sourceARN)
	}
	none := noEntity(k, a.Name())
	if account, _ := call.Grant.Home(); a.Account != account {
		return nil, nil, none
	}
	e, err := s.catalog.Entity(ctx, a.Account, k, a.Name())
	if err != nil {
		return nil, nil, err
	}
	if e == nil || e.ARN() != sourceARN {
		return nil, nil, none
	}
	ps, err := s.catalog.EntityPolicies(ctx, a.Account, k, a.Name())
	if err == nil && ps == nil {
		err = none
	}
	return e, ps, err
}

// simulate decides each action on each resource and answers a page of the results.
func (s *Service) simulate(call *pipeline.Call, operation string, m *simulation, marker *string, maxItems *int32) ([]api.EvaluationResult, *bool, *string, error) {
	l, err := s.list(call, operation, "", marker, maxItems)
	if err != nil {
		return nil, nil, nil, err
	}
	results, n := []api.EvaluationResult{}, 0
	for _, action := range m.actions {
		for _, resource := range m.resources {
			n++
			position := fmt.Sprintf("%08d", n)
			if l.After() != "" && position <= l.After() {
				continue
			}
			if !l.Take(position) {
				truncated, next, err := l.end()
				return results, truncated, next, err
			}
			results = append(results, m.decide(action, resource))
		}
	}
	truncated, next, err := l.end()
	return results, truncated, next, err
}

func (m *simulation) decide(action, resource string) api.EvaluationResult {
	req := &policy.Request{Action: action, Resource: resource, ResourceAccount: m.owner, Principal: m.caller, Context: &m.keys}
	if m.policies.Resource == nil {
		// Without a resource policy only the identity's side is simulated, whoever owns the resource.
		req.ResourceAccount = m.caller.Account
	} else if a, ok := arn.Parse(resource); ok && arn.IsAccount(a.Account) {
		req.ResourceAccount = a.Account
	}
	x := policy.Explain(req, &m.policies)
	out := api.EvaluationResult{
		EvalActionName: &action, EvalResourceName: &resource, EvalDecision: decision(x.Decision),
		MatchedStatements: m.matched(&x), MissingContextValues: missing(&x), ResourceSpecificResults: []api.ResourceSpecificResult{},
	}
	if m.policies.HasBoundary {
		out.PermissionsBoundaryDecisionDetail = &api.PermissionsBoundaryDecisionDetail{
			AllowedByPermissionsBoundary: new(boundaryAllows(&x)),
		}
	}
	return out
}

func decision(d policy.Decision) api.PolicyEvaluationDecisionType {
	switch {
	case d.Allowed:
		return api.PolicyEvaluationDecisionTypeAllowed
	case d.Reason == policy.ExplicitDeny:
		return api.PolicyEvaluationDecisionTypeExplicitDeny
	}
	return api.PolicyEvaluationDecisionTypeImplicitDeny
}

// boundaryAllows reports whether a statement of the boundary allows and none denies.
func boundaryAllows(x *policy.Explanation) bool {
	allowed := false
	for _, p := range x.Policies {
		for _, st := range p.Statements {
			if p.Layer != policy.BoundaryLayer || !st.Matched {
				continue
			}
			if st.Effect == policy.Deny {
				return false
			}
			allowed = true
		}
	}
	return allowed
}
