package authz

import (
	"strconv"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// fill sets all condition keys of one check: those of the caller, the request, the resource and the service.
func (e *Engine) fill(k *policy.Context, r *Request, c *Check) {
	fillCaller(k, r.Caller, r.Env.Now)
	if e.org != "" && r.Caller.Account != "" {
		k.Set("aws:PrincipalOrgID", e.org)
	}
	e.fillRequest(k, r)
	e.fillResource(k, &c.Resource)
	if c.Keys != nil {
		c.Keys(k)
	}
}

func fillCaller(k *policy.Context, p *authn.Principal, now time.Time) {
	k.Set("aws:PrincipalType", principalTypes[p.Kind])
	if p.Kind == authn.Anonymous {
		k.Set("aws:userid", "anonymous")
		return
	}
	arn := p.ARN
	if p.Kind == authn.AssumedRole {
		arn = p.RoleARN
	}
	k.Set("aws:PrincipalArn", arn)
	k.Set("aws:PrincipalAccount", p.Account)
	k.Set("aws:userid", p.UserID)
	if p.Kind == authn.User {
		k.Set("aws:username", p.Name)
	}
	for i := range p.Tags {
		k.Set("aws:PrincipalTag/"+p.Tags[i].Key, p.Tags[i].Value)
	}
	if p.SourceIdentity != "" {
		k.Set("aws:SourceIdentity", p.SourceIdentity)
	}
	if p.FederatedProvider != "" {
		k.Set("aws:FederatedProvider", p.FederatedProvider)
	}
	for key, values := range p.FederatedContext {
		k.Set(key, values...)
	}
	if !p.Session() {
		return
	}
	k.Set("aws:TokenIssueTime", p.IssuedAt.UTC().Format(time.RFC3339))
	k.Set("aws:MultiFactorAuthPresent", strconv.FormatBool(!p.MFAAt.IsZero()))
	if !p.MFAAt.IsZero() {
		k.Set("aws:MultiFactorAuthAge", strconv.FormatInt(int64(now.Sub(p.MFAAt).Seconds()), 10))
	}
}

var principalTypes = [...]string{
	authn.Anonymous: "Anonymous", authn.Root: "Account", authn.User: "User", authn.AssumedRole: "AssumedRole",
	authn.FederatedUser: "FederatedUser",
}

func (e *Engine) fillRequest(k *policy.Context, r *Request) {
	env := &r.Env
	k.Set("aws:CurrentTime", env.Now.UTC().Format(time.RFC3339))
	k.Set("aws:EpochTime", strconv.FormatInt(env.Now.Unix(), 10))
	k.Set("aws:SecureTransport", strconv.FormatBool(env.Secure))
	k.Set("aws:RequestedRegion", r.Region)
	if env.UserAgent != "" {
		k.Set("aws:UserAgent", env.UserAgent)
	}
	if env.Referer != "" {
		k.Set("aws:Referer", env.Referer)
	}
	k.Set("aws:PrincipalIsAWSService", "false")
	if len(env.CalledVia) == 0 {
		k.Set("aws:ViaAWSService", "false")
		if env.SourceIP.IsValid() {
			k.Set("aws:SourceIp", env.SourceIP.Unmap().String())
		}
		return
	}
	k.Set("aws:ViaAWSService", "true")
	k.Set("aws:CalledVia", env.CalledVia...)
	k.Set("aws:CalledViaFirst", env.CalledVia[0])
	k.Set("aws:CalledViaLast", env.CalledVia[len(env.CalledVia)-1])
}

func (e *Engine) fillResource(k *policy.Context, res *Resource) {
	if res.Account != "" {
		k.Set("aws:ResourceAccount", res.Account)
	}
	if e.org != "" && res.Account != "" {
		k.Set("aws:ResourceOrgID", e.org)
	}
	for i := range res.Tags {
		k.Set("aws:ResourceTag/"+res.Tags[i].Key, res.Tags[i].Value)
	}
}
