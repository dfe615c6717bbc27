package identity

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// Account is a member of the organization.
type Account struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
	// Status is ACTIVE or SUSPENDED.
	Status string `json:"status"`
	// Method is INVITED for the management account and CREATED for all others, as AWS has it.
	Method string    `json:"method"`
	Joined time.Time `json:"joined"`
	Tags   []Tag     `json:"tags,omitempty"`
}

// Organization is the one organization of a server: all of its accounts are members, the default account manages it.
type Organization struct {
	// ID is "o-" and ten characters; Root "r-" and four.
	ID         string    `json:"id"`
	Root       string    `json:"root"`
	Management string    `json:"management"`
	Email      string    `json:"email"`
	Created    time.Time `json:"created"`
}

// ARN is the organization's name.
func (o *Organization) ARN() string {
	return "arn:aws:organizations::" + o.Management + ":organization/" + o.ID
}

// RootARN is the name of the organization's root.
func (o *Organization) RootARN() string {
	return "arn:aws:organizations::" + o.Management + ":root/" + o.ID + "/" + o.Root
}

// AccountARN is the name of a member account.
func (o *Organization) AccountARN(id string) string {
	return "arn:aws:organizations::" + o.Management + ":account/" + o.ID + "/" + id
}

// Creation is a request to create an account and what became of it.
type Creation struct {
	// ID is "car-" and 32 hexadecimal digits.
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	State     string    `json:"state"`
	Account   string    `json:"account,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Requested time.Time `json:"requested"`
	Completed time.Time `json:"completed,omitzero"`
	// Role is the name of the role by which the management account reaches the new one.
	Role string `json:"role"`
	Tags []Tag  `json:"tags,omitempty"`
}

const (
	keyOrganization = "organization"
	keyAccount      = "account"
	keyCreation     = "creation"
	keyEmail        = "email"
)

// Registry reads and writes the organization's records. They belong to the management account.
type Registry struct{ records *store.Records }

// RegistryIn is the registry in a transaction of Organizations that covers the management account.
func RegistryIn(tx *store.Tx, management string) (*Registry, error) {
	r, err := tx.Records(management, "")
	if err != nil {
		return nil, err
	}
	return &Registry{r}, nil
}

// Organization returns the organization; nil if there is none.
func (r *Registry) Organization() (*Organization, error) {
	return store.Load[Organization](r.records, store.K(keyOrganization))
}

// Account returns a member account; nil if there is none.
func (r *Registry) Account(id string) (*Account, error) {
	return store.Load[Account](r.records, store.K(keyAccount, id))
}

// PutAccount stores a member account.
func (r *Registry) PutAccount(a *Account) error {
	r.records.Changed()
	if err := r.ReserveEmail(a.Email, a.ID); err != nil {
		return err
	}
	return store.Save(r.records, store.K(keyAccount, a.ID), a)
}

// ReserveEmail keeps an e-mail address for an account that is being created.
func (r *Registry) ReserveEmail(email, account string) error {
	return store.Save(r.records, store.K(keyEmail, fold(email)), &account)
}

// EmailTaken reports whether an account has the e-mail address, or will.
func (r *Registry) EmailTaken(email string) (bool, error) {
	_, ok, err := r.records.Get(store.K(keyEmail, fold(email)))
	return ok, err
}

// Accounts lists the member accounts in order of their ids, after an id if it is not "".
func (r *Registry) Accounts(after string, yield func(*Account) bool) error {
	var from store.Key
	if after != "" {
		from = store.K(keyAccount, after)
	}
	return store.Each(r.records, store.K(keyAccount), from, func(_ store.Key, a *Account) bool { return yield(a) })
}

// Creation returns a request to create an account; nil if there is none.
func (r *Registry) Creation(id string) (*Creation, error) {
	return store.Load[Creation](r.records, store.K(keyCreation, id))
}

// PutCreation stores a request to create an account.
func (r *Registry) PutCreation(c *Creation) error {
	return store.Save(r.records, store.K(keyCreation, c.ID), c)
}

// Creations lists the requests to create accounts, after an id if it is not "".
func (r *Registry) Creations(after string, yield func(*Creation) bool) error {
	var from store.Key
	if after != "" {
		from = store.K(keyCreation, after)
	}
	return store.Each(r.records, store.K(keyCreation), from, func(_ store.Key, c *Creation) bool { return yield(c) })
}

// Organization returns the server's organization; nil before Init. Once made it never changes.
func (c *Catalog) Organization(ctx context.Context) (org *Organization, err error) {
	if org = c.org.Load(); org != nil {
		return org, nil
	}
	err = system.View(ctx, c.db, OrganizationsService, func(tx *store.Tx) (err error) {
		org, err = organization(tx)
		return err
	})
	if err == nil && org != nil {
		c.org.Store(org)
	}
	return org, err
}

// organization finds the organization by the directory's note of the management account.
func organization(tx *store.Tx) (*Organization, error) {
	dir, err := tx.Directory()
	if err != nil {
		return nil, err
	}
	management, err := store.Load[string](dir, store.K(keyOrganization))
	if err != nil || management == nil {
		return nil, err
	}
	r, err := RegistryIn(tx, *management)
	if err != nil {
		return nil, err
	}
	return r.Organization()
}

// Account returns an account of this server; nil if there is none.
func (c *Catalog) Account(ctx context.Context, id string) (account *Account, err error) {
	if !arn.IsAccount(id) {
		return nil, nil
	}
	err = system.View(ctx, c.db, OrganizationsService, func(tx *store.Tx) error {
		org, err := organization(tx)
		if err != nil || org == nil {
			return err
		}
		r, err := RegistryIn(tx, org.Management)
		if err != nil {
			return err
		}
		account, err = r.Account(id)
		return err
	})
	return account, err
}

// newOrganization makes the organization that a management account has from the first start on.
func newOrganization(account, email string, now time.Time) *Organization {
	return &Organization{
		ID: "o-" + lowerText(10), Root: "r-" + lowerText(4), Management: account, Email: email, Created: now,
	}
}

// lowerText is n random characters of a-z and 2-7.
func lowerText(n int) string { return fold(rand.Text()[:n]) }

// managementTrust lets the management account's principals assume a role, if their own policies allow it.
const managementTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":"sts:AssumeRole"}]}`

// CreateAccessRole makes, unless it is there, the role by which the management account administers a new account
// ("OrganizationAccountAccessRole", AWS Organizations User Guide).
func (c *Catalog) CreateAccessRole(ctx context.Context, account, management, name string) error {
	const administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
	r := &Role{
		Entity: Entity{
			Kind: KindRole, Account: account, ID: NewID(RolePrefix), Name: name, Path: "/",
			Created: c.now().UTC().Truncate(time.Second), Attached: []string{administrator},
		},
		MaxSession: 3600, Trust: Frozen{Document: fmt.Sprintf(managementTrust, arn.Root(management))},
	}
	return c.update(ctx, account, func(_ *store.Tx, v *View) error {
		if old, err := v.Role(name); err != nil || old != nil {
			return err
		}
		if _, err := v.Count(CountRoles, 1); err != nil {
			return err
		}
		if err := v.AddUse(administrator, AsPolicy, &r.Entity); err != nil {
			return err
		}
		return v.PutRole(r)
	})
}
