package cognitoidp

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The severities of findings: an error lets a user choose the tenant or read what is sent to another; a warning takes a
// second mistake to do harm.
const (
	SeverityError   = "ERROR"
	SeverityWarning = "WARNING"
)

// Finding is a setting that lets tenants cross, or makes it easier.
type Finding struct {
	// Severity is SeverityError or SeverityWarning.
	Severity string
	// Code names the kind of finding; it does not change.
	Code string
	// Resource is an ARN, or that of a user pool and "/client/<id>" or "/provider/<name>".
	Resource string
	// Problem says what is wrong, Remedy what to do.
	Problem, Remedy string
}

// tenantNames are custom attributes whose names say that they hold a user's tenant.
var tenantNames = regexp.MustCompile(`(?i)^custom:(tenant|org|organi[sz]ation|customer|workspace|company)s?[-_.]?(id|name|key)?$`)

// CheckTenants returns the findings in a page of the user pools of an account and region. Who may call it is for the
// caller to have authorized.
func (s *Service) CheckTenants(ctx context.Context, account, region string, page *paging.Page) ([]Finding, error) {
	var out []Finding
	err := system.View(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		out = nil
		rec, err := tx.Records(account, region)
		if err != nil {
			return err
		}
		pools, err := paging.Records[userpool.Pool](page, rec, store.K("pool"), nil)
		if err != nil {
			return err
		}
		for _, p := range pools {
			apps, err := appsOf(p, rec)
			if err != nil {
				return err
			}
			providers, err := providersOf(p, rec)
			if err != nil {
				return err
			}
			out = append(out, check(p, apps, providers)...)
		}
		return nil
	})
	return out, err
}

// appsOf are the app clients of the pool.
func appsOf(p *userpool.Pool, rec *store.Records) ([]*userpool.Client, error) {
	var apps []*userpool.Client
	err := store.Each(rec, userpool.InPool(p.ID, "client"), nil, func(_ store.Key, app *userpool.Client) bool {
		apps = append(apps, app)
		return true
	})
	return apps, err
}

// providersOf are the identity providers of the pool.
func providersOf(p *userpool.Pool, rec *store.Records) ([]*provider, error) {
	var all []*provider
	err := store.Each(rec, userpool.InPool(p.ID, "provider"), nil, func(_ store.Key, from *provider) bool {
		all = append(all, from)
		return true
	})
	return all, err
}

// MayWrite names an app client through which users write the attribute that a claim of the provider's tokens comes from; ""
// if there is none. The provider is a user pool as identity pools name it, with or without ":<client>" at its end.
func (s *Service) MayWrite(ctx context.Context, provider, claim string) (string, error) {
	name, only, _ := strings.Cut(provider, ":")
	p, err := s.PoolOfIssuer(ctx, name)
	if err != nil || p == nil {
		return "", err
	}
	i := userpool.AttributeIndex(p.Schema, claim)
	if i < 0 {
		return "", nil
	}
	by := ""
	err = system.View(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(p.Account, p.Region)
		if err != nil {
			return err
		}
		apps, err := appsOf(p, rec)
		for _, app := range apps {
			if (only == "" || only == app.ID) && usersWrite(p, app, &p.Schema[i]) {
				by = app.ID
			}
		}
		return err
	})
	return by, err
}

// usersWrite reports whether users can come to hold a value of their own choice in the attribute: by a change or, where it
// never changes, at their own sign-up.
func usersWrite(p *userpool.Pool, app *userpool.Client, a *userpool.Attribute) bool {
	if a.Name == "sub" || !p.MayWrite(userpool.Writer{Client: app}, a) {
		return false
	}
	return a.Mutable || !p.Settings.AdminOnly
}

// check is the findings in one pool.
func check(p *userpool.Pool, apps []*userpool.Client, providers []*provider) []Finding {
	c := &checker{pool: p}
	c.attributes(apps)
	for _, app := range apps {
		c.client(app)
	}
	for _, from := range providers {
		c.provider(from)
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code))
	})
	return c.found
}

type checker struct {
	pool  *userpool.Pool
	found []Finding
}

func (c *checker) add(severity, code, resource, problem, remedy string) {
	c.found = append(c.found, Finding{severity, code, resource, problem, remedy})
}

func (c *checker) clientARN(app *userpool.Client) string {
	return arn.ARN{
		Partition: arn.Partition, Service: userpool.ServiceName, Region: c.pool.Region, Account: c.pool.Account,
		Resource: "userpool/" + c.pool.ID + "/client/" + app.ID,
	}.String()
}

// attributes looks at what decides the tenant.
func (c *checker) attributes(apps []*userpool.Client) {
	p := c.pool
	for _, name := range declaredBy(p) {
		i := userpool.AttributeIndex(p.Schema, name)
		switch {
		case i < 0:
			c.add(SeverityError, "TENANT_ATTRIBUTE_MISSING", p.ARN(), "The tenant attribute "+name+" is not in the schema.",
				"Add the attribute, or name another in the tags of the pool.")
		case userpool.VerifiedFlag(name) != "":
			c.add(SeverityWarning, "TENANT_FROM_ADDRESS", p.ARN(), "A session tag comes from "+name+", which users change once they show that an address is theirs.",
				"Take session tags from an immutable custom attribute.")
		case p.Schema[i].Mutable:
			c.add(SeverityWarning, "TENANT_ATTRIBUTE_MUTABLE", p.ARN(), "The tenant attribute "+name+" is mutable: only the tags of the pool keep it from its users.",
				"Declare it with Mutable false in a new pool, unless administrators move users between tenants.")
		}
	}
	for i := range p.Schema {
		if a := &p.Schema[i]; tenantNames.MatchString(a.Name) && !p.Guarded(a.Name) {
			c.undeclared(a, apps)
		}
	}
}

// declaredBy are the attributes that decide the tenant, by the tags of the pool.
func declaredBy(p *userpool.Pool) []string {
	names := userpool.SplitTag(p.Tags[userpool.TenantAttributeTag])
	for _, t := range p.SessionTags() {
		if t.Attribute != "sub" {
			names = append(names, t.Attribute)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// undeclared looks at an attribute that by its name decides the tenant, and that no tag keeps from users.
func (c *checker) undeclared(a *userpool.Attribute, apps []*userpool.Client) {
	for _, app := range apps {
		if !usersWrite(c.pool, app, a) {
			continue
		}
		how := "at sign-up"
		if a.Mutable {
			how = "at any time"
		}
		c.add(SeverityError, "TENANT_ATTRIBUTE_WRITABLE", c.clientARN(app), fmt.Sprintf("Users choose %s by themselves %s.", a.Name, how),
			fmt.Sprintf("Tag the pool with %s = %s, and give the client WriteAttributes without it.", userpool.TenantAttributeTag, a.Name))
	}
}

// provider looks at what an identity provider says of its users.
func (c *checker) provider(from *provider) {
	at := c.pool.ARN() + "/provider/" + from.Name
	if err := checkMapping(c.pool, from); err != nil {
		c.add(SeverityWarning, "PROVIDER_MAPPING_REFUSED", at, "Nobody signs in by "+from.Name+" since the tags of the pool changed. "+fault.From(err).Message,
			"Change AttributeMapping of the provider.")
	}
	for _, to := range slices.Sorted(maps.Keys(from.Mapping)) {
		if tenantNames.MatchString(to) && !c.pool.Guarded(to) {
			c.add(SeverityError, "TENANT_ATTRIBUTE_FROM_PROVIDER", at, from.Name+" chooses "+to+" of its users by its claim "+from.Mapping[to]+".",
				fmt.Sprintf("Tag the pool with %s = %s, and map it to %s<tenant>.", userpool.TenantAttributeTag, to, TenantMapping))
		}
	}
}

// client looks at an app client.
func (c *checker) client(app *userpool.Client) {
	at := c.clientARN(app)
	c.permissions(app, at)
	if !app.HideUsers {
		c.add(SeverityWarning, "USER_EXISTENCE_SHOWN", at, "Answers tell which users exist.", "Set PreventUserExistenceErrors to ENABLED.")
	}
	if app.NoRevocation {
		c.add(SeverityWarning, "NO_REVOCATION", at, "Tokens of one sign-in cannot be revoked.", "Set EnableTokenRevocation to true.")
	}
	if slices.Contains(app.OAuthFlows, api.OAuthFlowTypeImplicit) {
		c.add(SeverityWarning, "IMPLICIT_FLOW", at, "The implicit flow puts tokens into URLs, which browsers and logs keep.", "Allow the flow code alone, with PKCE.")
	}
	for _, list := range [][]string{app.CallbackURLs, app.LogoutURLs} {
		for _, text := range list {
			if u, err := url.Parse(text); err != nil || u.Scheme == "http" && !poolsettings.Loopback(u.Hostname()) {
				c.add(SeverityError, "INSECURE_REDIRECT", at, "Codes and tokens go to "+text+" unprotected.", "Use https.")
			}
		}
	}
}

// permissions looks at what an app client lets users write where the pool has a tenant attribute.
func (c *checker) permissions(app *userpool.Client, at string) {
	guarded := slices.DeleteFunc(declaredBy(c.pool), func(name string) bool { return !c.pool.Guarded(name) })
	if len(guarded) == 0 {
		return
	}
	if len(app.Write) == 0 {
		c.add(SeverityWarning, "WRITE_ATTRIBUTES_UNSET", at, "The client lists no WriteAttributes, so users may write every attribute but those that the tags of the pool guard.",
			"List the attributes that users may write.")
	}
	for _, name := range guarded {
		if slices.Contains(app.Write, name) {
			c.add(SeverityError, "TENANT_ATTRIBUTE_IN_WRITE_ATTRIBUTES", at, "The client lists "+name+" among WriteAttributes; only the tags of the pool keep it from users.",
				"Take it out of WriteAttributes.")
		}
	}
}
