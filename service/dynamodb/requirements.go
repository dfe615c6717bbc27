package dynamodb

import (
	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// requirements say what each operation needs ("Actions, resources, and condition keys for Amazon DynamoDB", Service
// Authorization Reference). A request that cannot be compiled fails here, before policies are asked: what it would touch
// is then unknown. A table that does not exist is its literal ARN with no facts.
type requirements struct{ *Service }

// target returns the table that a parameter names as a resource, with its facts if it exists.
func (r *requirements) target(s *authz.Scope, name string) (authz.Resource, *table, error) {
	at, err := locate(s.Account, s.Region, name)
	if err != nil {
		return authz.Resource{}, nil, err
	}
	return r.found(s, at)
}

func (r *requirements) found(s *authz.Scope, at place) (authz.Resource, *table, error) {
	t, err := r.facts(s.Context, at)
	if err != nil {
		return authz.Resource{}, nil, err
	}
	if t == nil {
		return bare(at), nil, nil
	}
	return t.res, t, nil
}

// bare is a table of which nothing is known.
func bare(at place) authz.Resource {
	return authz.Resource{ARN: at.arn(), Account: at.account, Region: at.region}
}

// onTable needs one action on a table.
func (r *requirements) onTable(s *authz.Scope, action string, name *string, keys func(*policy.Context)) authz.Requirement {
	res, _, err := r.target(s, *name)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.Require(action, res, keys)
}

// onARN needs one action on the table with the ARN.
func (r *requirements) onARN(s *authz.Scope, action string, text *string, keys func(*policy.Context)) authz.Requirement {
	at, err := locateARN(s.Region, *text)
	if err != nil {
		return authz.Failed(err)
	}
	res, _, err := r.found(s, at)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.Require(action, res, keys)
}

// anywhere is the resource of operations that have none.
func anywhere(s *authz.Scope) authz.Resource {
	return authz.Resource{ARN: "*", Account: s.Account, Region: s.Region}
}

// CreateTable needs the permission to tag as well if it tags, and to put a policy if it puts one.
func (r *requirements) CreateTable(s *authz.Scope, in *api.CreateTableInput) authz.Requirement {
	at, err := locate(s.Account, s.Region, *in.TableName)
	if err != nil {
		return authz.Failed(err)
	}
	tags := fromTags(in.Tags)
	keys := func(c *policy.Context) { tagKeys(c, tags, nil) }
	all := []authz.Check{{Action: "dynamodb:CreateTable", Resource: bare(at), Keys: keys}}
	if len(tags) > 0 {
		all = append(all, authz.Check{Action: "dynamodb:TagResource", Resource: bare(at), Keys: keys})
	}
	if in.ResourcePolicy != nil {
		all = append(all, authz.Check{Action: "dynamodb:PutResourcePolicy", Resource: bare(at)})
	}
	return authz.RequireChecks(all...)
}

func (r *requirements) DeleteTable(s *authz.Scope, in *api.DeleteTableInput) authz.Requirement {
	return r.onTable(s, "dynamodb:DeleteTable", in.TableName, nil)
}

func (r *requirements) UpdateTable(s *authz.Scope, in *api.UpdateTableInput) authz.Requirement {
	return r.onTable(s, "dynamodb:UpdateTable", in.TableName, nil)
}

func (r *requirements) DescribeTable(s *authz.Scope, in *api.DescribeTableInput) authz.Requirement {
	return r.onTable(s, "dynamodb:DescribeTable", in.TableName, nil)
}

func (r *requirements) DescribeTimeToLive(s *authz.Scope, in *api.DescribeTimeToLiveInput) authz.Requirement {
	return r.onTable(s, "dynamodb:DescribeTimeToLive", in.TableName, nil)
}

func (r *requirements) UpdateTimeToLive(s *authz.Scope, in *api.UpdateTimeToLiveInput) authz.Requirement {
	return r.onTable(s, "dynamodb:UpdateTimeToLive", in.TableName, nil)
}

func (r *requirements) DescribeContinuousBackups(s *authz.Scope, in *api.DescribeContinuousBackupsInput) authz.Requirement {
	return r.onTable(s, "dynamodb:DescribeContinuousBackups", in.TableName, nil)
}

func (r *requirements) ListTables(s *authz.Scope, _ *api.ListTablesInput) authz.Requirement {
	return authz.Require("dynamodb:ListTables", anywhere(s), nil)
}

func (r *requirements) DescribeLimits(s *authz.Scope, _ *api.DescribeLimitsInput) authz.Requirement {
	return authz.Require("dynamodb:DescribeLimits", anywhere(s), nil)
}

func (r *requirements) DescribeEndpoints(s *authz.Scope, _ *api.DescribeEndpointsInput) authz.Requirement {
	return authz.Require("dynamodb:DescribeEndpoints", anywhere(s), nil)
}

func (r *requirements) TagResource(s *authz.Scope, in *api.TagResourceInput) authz.Requirement {
	tags := fromTags(in.Tags)
	return r.onARN(s, "dynamodb:TagResource", in.ResourceArn, func(c *policy.Context) { tagKeys(c, tags, nil) })
}

func (r *requirements) UntagResource(s *authz.Scope, in *api.UntagResourceInput) authz.Requirement {
	return r.onARN(s, "dynamodb:UntagResource", in.ResourceArn, func(c *policy.Context) { tagKeys(c, nil, in.TagKeys) })
}

func (r *requirements) ListTagsOfResource(s *authz.Scope, in *api.ListTagsOfResourceInput) authz.Requirement {
	return r.onARN(s, "dynamodb:ListTagsOfResource", in.ResourceArn, nil)
}

func (r *requirements) PutResourcePolicy(s *authz.Scope, in *api.PutResourcePolicyInput) authz.Requirement {
	return r.onPolicy(s, "dynamodb:PutResourcePolicy", *in.ResourceArn)
}

func (r *requirements) GetResourcePolicy(s *authz.Scope, in *api.GetResourcePolicyInput) authz.Requirement {
	return r.onPolicy(s, "dynamodb:GetResourcePolicy", *in.ResourceArn)
}

func (r *requirements) DeleteResourcePolicy(s *authz.Scope, in *api.DeleteResourcePolicyInput) authz.Requirement {
	return r.onPolicy(s, "dynamodb:DeleteResourcePolicy", *in.ResourceArn)
}

// onPolicy needs one action on the table or stream whose policy it is.
func (r *requirements) onPolicy(s *authz.Scope, action, text string) authz.Requirement {
	on, err := locateSubject(s.Region, text)
	if err != nil {
		return authz.Failed(err)
	}
	if on.label == "" {
		return r.onARN(s, action, &text, nil)
	}
	res, err := r.streamFacts(s.Context, on.place, on.label)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.Require(action, res, nil)
}
