package iam

import (
	"context"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// contextKeys are the keys that the policies read, each once.
func contextKeys(sources []policy.Source) []string {
	out := []string{}
	for _, s := range sources {
		if s.Policy == nil {
			continue
		}
		for _, key := range s.Policy.ContextKeys() {
			if !slices.ContainsFunc(out, func(k string) bool { return strings.EqualFold(k, key) }) {
				out = append(out, key)
			}
		}
	}
	slices.Sort(out)
	return out
}

// GetContextKeysForCustomPolicy implements api.Service.
func (s *Service) GetContextKeysForCustomPolicy(_ context.Context, _ *pipeline.Call, in *api.GetContextKeysForCustomPolicyInput) (*api.GetContextKeysForCustomPolicyOutput, error) {
	given, err := inputs(in.PolicyInputList, "PolicyInputList", policy.Identity)
	if err != nil {
		return nil, err
	}
	return &api.GetContextKeysForCustomPolicyOutput{ContextKeyNames: contextKeys(given)}, nil
}

// GetContextKeysForPrincipalPolicy implements api.Service.
func (s *Service) GetContextKeysForPrincipalPolicy(ctx context.Context, call *pipeline.Call, in *api.GetContextKeysForPrincipalPolicyInput) (*api.GetContextKeysForPrincipalPolicyOutput, error) {
	_, ps, err := s.policySource(ctx, call, opt.Value(in.PolicySourceArn))
	if err != nil {
		return nil, err
	}
	given, err := inputs(in.PolicyInputList, "PolicyInputList", policy.Identity)
	if err != nil {
		return nil, err
	}
	return &api.GetContextKeysForPrincipalPolicyOutput{
		ContextKeyNames: contextKeys(append(append([]policy.Source{}, ps.Identity.Sources()...), given...)),
	}, nil
}
