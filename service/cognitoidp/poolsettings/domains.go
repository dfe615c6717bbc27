package poolsettings

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The versions of the pages.
const (
	ClassicLogin = 1
	managedLogin = 2
)

var (
	prefixForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
	// customForm is a host name of at least two labels.
	customForm = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$`)
)

// maxCustomDomain is the length of a custom domain ("CreateUserPoolDomain", Amazon Cognito user pools API reference).
const maxCustomDomain = 63

// reservedWords cannot be part of a prefix, as with AWS: pages there would look like the provider's own.
var reservedWords = []string{"aws", "amazon", "cognito"}

// newDomain checks a domain for a pool of the account.
func (c *Request) newDomain(name string, config *api.CustomDomainConfigType, version *int32) (*userpool.Domain, error) {
	d := &userpool.Domain{Name: name, Version: ClassicLogin}
	if version != nil {
		d.Version = *version
	}
	if d.Version != ClassicLogin && d.Version != managedLogin {
		return nil, refusal.Invalid("ManagedLoginVersion has to be 1 or 2.")
	}
	if config != nil {
		d.Certificate = opt.Value(config.CertificateArn)
	}
	switch {
	case !d.Custom() && !prefixForm.MatchString(name):
		return nil, refusal.Invalid("Domain contains an invalid character or is too long, or a custom domain lacks its CustomDomainConfig.")
	case !d.Custom():
		for _, w := range reservedWords {
			if strings.Contains(name, w) {
				return nil, refusal.Invalid("Domain cannot contain reserved word: %s", w)
			}
		}
	case len(name) > maxCustomDomain || !customForm.MatchString(name):
		return nil, refusal.Invalid("Custom domain is not a valid subdomain.")
	case !c.mayHaveDomain(name):
		return nil, refusal.Invalid("Custom domain %s is not one that the account may use: the server's operator grants domains (--login-domain).", name)
	}
	return d, nil
}

// mayHaveDomain reports whether the operator has granted the pool's account the domain. Nothing else shows whose a name
// is, and the first to claim another's would get the sign-ins meant for it.
func (c *Request) mayHaveDomain(name string) bool {
	for _, g := range c.loginDomains {
		account, domain, _ := strings.Cut(g, "=")
		if account == c.Pool.Account && (name == domain || strings.HasSuffix(name, "."+domain)) {
			return !c.ownName(name)
		}
	}
	return false
}

// ownName reports whether a name is the server's own: its issuer's host, or below the suffix of its domains.
func (c *Request) ownName(name string) bool {
	if u, err := url.Parse(c.issuerURL); err == nil && strings.EqualFold(u.Hostname(), name) {
		return true
	}
	return c.LoginSuffix != "" && (name == c.LoginSuffix || strings.HasSuffix(name, "."+c.LoginSuffix))
}

// indexDomain returns where a domain is in the pool's list, -1 if it is not there.
func indexDomain(p *userpool.Pool, name string) int {
	return slices.IndexFunc(p.Domains, func(d userpool.Domain) bool { return d.Name == name })
}

// LoginVersion is the version of the pool's pages: that of a custom domain before that of the prefix. A pool without a
// domain has managed login.
func LoginVersion(p *userpool.Pool) int32 {
	version := int32(managedLogin)
	for _, d := range p.Domains {
		if version = d.Version; d.Custom() {
			break
		}
	}
	return version
}

// changeDomains lets fn change the pool and the directory of domains together.
func (c *Request) changeDomains(fn func(p *userpool.Pool, dir *store.Records) error) error {
	return c.DB.Update(c.Ctx, c.Call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		p, err := store.Load[userpool.Pool](rec, userpool.PoolKey(c.Pool.ID))
		if err != nil {
			return err
		}
		if p == nil {
			return refusal.PoolNotFound(c.Pool.ID)
		}
		if err := fn(p, dir); err != nil {
			return err
		}
		rec.ChangedIn(p.ID)
		return store.Save(rec, userpool.PoolKey(p.ID), p)
	})
}

// CreateUserPoolDomain implements api.Service.
func (s *Administrator) CreateUserPoolDomain(ctx context.Context, call *pipeline.Call, in *api.CreateUserPoolDomainInput) (*api.CreateUserPoolDomainOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	d, err := c.newDomain(opt.Value(in.Domain), in.CustomDomainConfig, in.ManagedLoginVersion)
	if err != nil {
		return nil, err
	}
	err = c.changeDomains(func(p *userpool.Pool, dir *store.Records) error {
		for _, have := range p.Domains {
			if have.Custom() == d.Custom() {
				return refusal.Invalid("Domain already associated with this user pool: %s", have.Name)
			}
		}
		if _, taken, err := dir.Get(tokens.DomainKey(d.Name)); err != nil {
			return err
		} else if taken {
			return refusal.Invalid("Domain already exists.")
		}
		p.Domains = append(p.Domains, *d)
		return store.Save(dir, tokens.DomainKey(d.Name), &userpool.Place{Account: p.Account, Region: p.Region, Pool: p.ID})
	})
	if err != nil {
		return nil, err
	}
	out := &api.CreateUserPoolDomainOutput{ManagedLoginVersion: new(d.Version)}
	if d.Custom() {
		out.CloudFrontDomain = new(c.HostOf(c.Pool, d))
	}
	return out, nil
}

// DescribeUserPoolDomain implements api.Service. A domain of nobody, or of another account or region, has an empty
// description, as with AWS.
func (s *Administrator) DescribeUserPoolDomain(ctx context.Context, call *pipeline.Call, in *api.DescribeUserPoolDomainInput) (*api.DescribeUserPoolDomainOutput, error) {
	out := &api.DescribeUserPoolDomainOutput{DomainDescription: &api.DomainDescriptionType{}}
	name := opt.Value(in.Domain)
	err := s.DB.View(ctx, call.Grant, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		at, err := store.Load[userpool.Place](dir, tokens.DomainKey(name))
		account, region := call.Grant.Home()
		if err != nil || at == nil || at.Account != account || at.Region != region {
			return err
		}
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		p, err := store.Load[userpool.Pool](rec, userpool.PoolKey(at.Pool))
		if err != nil || p == nil || indexDomain(p, name) < 0 {
			return err
		}
		c := s.About(s.NewRequest(ctx, call, p))
		out.DomainDescription = c.describeDomain(&p.Domains[indexDomain(p, name)])
		return nil
	})
	return out, err
}

func (c *Request) describeDomain(d *userpool.Domain) *api.DomainDescriptionType {
	out := &api.DomainDescriptionType{
		AWSAccountId: new(c.Pool.Account), CloudFrontDistribution: new(c.HostOf(c.Pool, d)), Domain: new(d.Name), UserPoolId: new(c.Pool.ID),
		ManagedLoginVersion: new(d.Version), Status: api.DomainStatusTypeActive, Version: new("1"),
	}
	if d.Custom() {
		out.CustomDomainConfig = &api.CustomDomainConfigType{CertificateArn: new(d.Certificate)}
	}
	return out
}

var errNoDomain = errors.New("no such domain")

// UpdateUserPoolDomain implements api.Service.
func (s *Administrator) UpdateUserPoolDomain(ctx context.Context, call *pipeline.Call, in *api.UpdateUserPoolDomainInput) (*api.UpdateUserPoolDomainOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	name := opt.Value(in.Domain)
	var d *userpool.Domain
	err = c.changeDomains(func(p *userpool.Pool, _ *store.Records) error {
		i := indexDomain(p, name)
		if i < 0 {
			return refusal.Invalid("No such domain or user pool exists.").With(errNoDomain)
		}
		version := in.ManagedLoginVersion
		if version == nil {
			version = &p.Domains[i].Version
		}
		config := in.CustomDomainConfig
		if config == nil && p.Domains[i].Custom() {
			config = &api.CustomDomainConfigType{CertificateArn: &p.Domains[i].Certificate}
		}
		if config != nil && !p.Domains[i].Custom() {
			return refusal.Invalid("CustomDomainConfig is for custom domains.")
		}
		if d, err = c.newDomain(name, config, version); err != nil {
			return err
		}
		p.Domains[i] = *d
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &api.UpdateUserPoolDomainOutput{ManagedLoginVersion: new(d.Version)}
	if d.Custom() {
		out.CloudFrontDomain = new(c.HostOf(c.Pool, d))
	}
	return out, nil
}

// DeleteUserPoolDomain implements api.Service.
func (s *Administrator) DeleteUserPoolDomain(ctx context.Context, call *pipeline.Call, in *api.DeleteUserPoolDomainInput) (*api.DeleteUserPoolDomainOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	name := opt.Value(in.Domain)
	err = c.changeDomains(func(p *userpool.Pool, dir *store.Records) error {
		i := indexDomain(p, name)
		if i < 0 {
			return refusal.Invalid("No such domain or user pool exists.").With(errNoDomain)
		}
		p.Domains = slices.Delete(p.Domains, i, i+1)
		return dir.Delete(tokens.DomainKey(name))
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteUserPoolDomainOutput{}, nil
}
