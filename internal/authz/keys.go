package authz

import (
	"hash/maphash"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// fill sets all condition keys of one check: those of the caller, the request, the resource and the service.
func (e *Engine) fill(k *policy.Context, r *Request, c *Check) {
	p := r.Caller
	if c.As != nil {
		p = &nobody // whoever signs a request for a web identity lends it nothing
	}
	e.callers.fill(k, p)
	if p.Session() && !p.MFAAt.IsZero() {
		k.Set("aws:MultiFactorAuthAge", strconv.FormatInt(int64(r.Env.Now.Sub(p.MFAAt).Seconds()), 10))
	}
	if e.org != "" && p.Account != "" {
		k.Set("aws:PrincipalOrgID", e.org)
	}
	e.fillRequest(k, r)
	e.fillResource(k, &c.Resource)
	if c.Keys != nil {
		c.Keys(k)
	}
}

var nobody authn.Principal

// Callers of callerPages × callerSets × callerWays sessions are kept, at about half a kilobyte each. Those that came first to a set
// leave it first.
const (
	callerPages = 1 << 5
	callerSets  = 1 << 8 // of a page
	callerWays  = 4
)

// callerCache keeps the keys of callers that were seen lately: a session's are the same in all its requests. Its pages are made when a
// caller comes to them.
type callerCache [callerPages]atomic.Pointer[[callerSets]callerSet]

type callerSet [callerWays]atomic.Pointer[callerKeys]

// callerKeys are the keys of one principal, which is immutable.
type callerKeys struct {
	caller *authn.Principal
	keys   policy.Context
}

var callerSeed = maphash.MakeSeed()

// set returns where the callers with the access key may be.
func (c *callerCache) set(accessKeyID string) *callerSet {
	h := maphash.String(callerSeed, accessKeyID)
	at := &c[h%callerPages]
	page := at.Load()
	if page == nil {
		at.CompareAndSwap(nil, new([callerSets]callerSet))
		page = at.Load()
	}
	return &page[h/callerPages%callerSets]
}

// fill sets the keys of the caller in an empty context.
func (c *callerCache) fill(k *policy.Context, p *authn.Principal) {
	if p.AccessKeyID == "" { // nobody's key, or a principal that is made for one request
		fillCaller(k, p)
		return
	}
	set := c.set(p.AccessKeyID)
	for i := range set {
		if have := set[i].Load(); have != nil && have.caller == p {
			k.CopyFrom(&have.keys)
			return
		}
	}
	fillCaller(k, p)
	kept := &callerKeys{caller: p}
	kept.keys.CopyFrom(k)
	for i := range set { // the new one is first, and the last one leaves; who races with this loses an entry
		kept = set[i].Swap(kept)
		if kept == nil || kept.caller.AccessKeyID == p.AccessKeyID {
			break
		}
	}
}

// fillCaller sets the keys of the caller that do not change with time.
func fillCaller(k *policy.Context, p *authn.Principal) {
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
}

// second is a second as condition keys show it.
type second struct {
	unix        int64
	text, epoch string
}

func (e *Engine) secondOf(t time.Time) *second {
	s := e.second.Load()
	if u := t.Unix(); s == nil || s.unix != u {
		s = &second{u, t.UTC().Format(time.RFC3339), strconv.FormatInt(u, 10)}
		e.second.Store(s)
	}
	return s
}

var principalTypes = [...]string{
	authn.Anonymous: "Anonymous", authn.Root: "Account", authn.User: "User", authn.AssumedRole: "AssumedRole",
	authn.FederatedUser: "FederatedUser",
}

func (e *Engine) fillRequest(k *policy.Context, r *Request) {
	env := &r.Env
	now := e.secondOf(env.Now)
	k.Set("aws:CurrentTime", now.text)
	k.Set("aws:EpochTime", now.epoch)
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
