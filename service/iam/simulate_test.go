package iam

import (
	"slices"
	"testing"

	api "github.com/bulkhead/bulkhead/api/iam"
)

func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	u := s.createUser(t, "alice")
	s.putPolicy(t, "alice", `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"},
    {"Effect": "Deny", "Action": "dynamodb:DeleteTable", "Resource": "*"},
    {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
     "Condition": {"StringEquals": {"kms:EncryptionContext:tenant_id": "${aws:PrincipalTag/TenantID}"}}}
  ]
}`)
	out, err := call(s, s.root, s.need.SimulatePrincipalPolicy, s.SimulatePrincipalPolicy, &api.SimulatePrincipalPolicyInput{
		PolicySourceArn: u.Arn, ActionNames: []string{"dynamodb:GetItem", "dynamodb:DeleteTable", "kms:Decrypt", "iam:GetUser"},
		ResourceArns: []string{"arn:aws:dynamodb:us-east-1:111122223333:table/t"},
	})
	want := []api.PolicyEvaluationDecisionType{"allowed", "explicitDeny", "implicitDeny", "implicitDeny"}
	for i, r := range must[api.SimulatePrincipalPolicyOutput](t)(out, err).EvaluationResults {
		if r.EvalDecision != want[i] {
			t.Errorf("%s: %s, want %s", *r.EvalActionName, r.EvalDecision, want[i])
		}
	}
	first := out.EvaluationResults[0].MatchedStatements
	if len(first) != 1 || *first[0].SourcePolicyId != "user_alice_inline" || *first[0].StartPosition.Line != 4 || *first[0].StartPosition.Column != 5 {
		t.Errorf("matched %+v", first)
	}
	if got := out.EvaluationResults[2].MissingContextValues; !slices.Equal(got, []string{"aws:PrincipalTag/TenantID", "kms:EncryptionContext:tenant_id"}) {
		t.Errorf("missing %v", got)
	}
	keys, err := call(s, s.root, s.need.GetContextKeysForPrincipalPolicy, s.GetContextKeysForPrincipalPolicy,
		&api.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: u.Arn})
	if got := must[api.GetContextKeysForPrincipalPolicyOutput](t)(keys, err).ContextKeyNames; len(got) != 2 {
		t.Errorf("context keys %v", got)
	}
	_, err = call(s, s.root, s.need.SimulatePrincipalPolicy, s.SimulatePrincipalPolicy, &api.SimulatePrincipalPolicyInput{
		PolicySourceArn: p("arn:aws:iam::111122223333:user/bob"), ActionNames: []string{"iam:GetUser"},
	})
	refused(t, err, "NoSuchEntityException", "The user with name bob cannot be found.")
}

func TestSimulateCustomPolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	key := "dynamodb:LeadingKeys"
	leading := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*",
		"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["acme"]},"Null":{"dynamodb:LeadingKeys":"false"}}}}`
	run := func(edit func(*api.SimulateCustomPolicyInput)) (*api.EvaluationResult, error) {
		in := &api.SimulateCustomPolicyInput{PolicyInputList: []string{leading}, ActionNames: []string{"dynamodb:GetItem"}}
		edit(in)
		out, err := call(s, s.root, s.need.SimulateCustomPolicy, s.SimulateCustomPolicy, in)
		if err != nil {
			return nil, err
		}
		return &out.EvaluationResults[0], nil
	}
	entry := func(kind api.ContextKeyTypeEnum, values ...string) []api.ContextEntry {
		return []api.ContextEntry{{ContextKeyName: &key, ContextKeyType: kind, ContextKeyValues: values}}
	}
	for name, c := range map[string]struct {
		edit func(*api.SimulateCustomPolicyInput)
		want api.PolicyEvaluationDecisionType
	}{
		"absent": {func(*api.SimulateCustomPolicyInput) {}, "implicitDeny"},
		"own":    {func(in *api.SimulateCustomPolicyInput) { in.ContextEntries = entry("stringList", "acme") }, "allowed"},
		"both":   {func(in *api.SimulateCustomPolicyInput) { in.ContextEntries = entry("stringList", "acme", "globex") }, "implicitDeny"},
		"boundary": {func(in *api.SimulateCustomPolicyInput) {
			in.ContextEntries, in.PermissionsBoundaryPolicyInputList = entry("string", "acme"), []string{allowGetUser}
		}, "implicitDeny"},
		"resource policy of another account": {func(in *api.SimulateCustomPolicyInput) {
			in.ContextEntries, in.CallerArn = entry("string", "acme"), p("arn:aws:iam::111122223333:user/alice")
			in.ResourceOwner = p("444455556666")
			in.ResourcePolicy = p(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"dynamodb:GetItem","Resource":"*"}}`)
		}, "allowed"},
	} {
		got, err := run(c.edit)
		if err != nil || got.EvalDecision != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if name == "boundary" && *got.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary {
			t.Error("the boundary is said to allow")
		}
	}
	for name, edit := range map[string]func(*api.SimulateCustomPolicyInput){
		"two values of a single type": func(in *api.SimulateCustomPolicyInput) { in.ContextEntries = entry("string", "a", "b") },
		"a word as a number":          func(in *api.SimulateCustomPolicyInput) { in.ContextEntries = entry("numeric", "a") },
		"a role as caller":            func(in *api.SimulateCustomPolicyInput) { in.CallerArn = p("arn:aws:iam::111122223333:role/r") },
		"no action":                   func(in *api.SimulateCustomPolicyInput) { in.ActionNames = []string{"GetItem"} },
		"a malformed policy":          func(in *api.SimulateCustomPolicyInput) { in.PolicyInputList = []string{"{}"} },
		"no caller": func(in *api.SimulateCustomPolicyInput) {
			in.ResourcePolicy = p(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)
		},
	} {
		_, err := run(edit)
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		refused(t, err, "InvalidInputException", "")
	}
}
