package cognitoidentity

import (
	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/store"
)

// maxLogins bounds the logins linked to one identity ("Quotas in Amazon Cognito").
const maxLogins = 20

// loginsOf are whom the tokens are about.
func loginsOf(all []*verified) []login {
	logins := make([]login, len(all))
	for i, v := range all {
		logins[i] = v.login
	}
	return logins
}

// identityOf returns the identity that the logins are linked to. If all are linked already, nothing is written.
func (c *scoped) identityOf(tokens map[string]string) (string, error) {
	all, err := c.verifyAll(c.ctx, c.pool, tokens, c.call.Now)
	if err != nil {
		return "", err
	}
	return c.linkedAs("", loginsOf(all))
}

// linkedAs makes all the logins those of one identity: the wanted one, else the one that some are linked to, else a new
// one. If they are so already, nothing is written.
func (c *scoped) linkedAs(want string, logins []login) (id string, err error) {
	all := false
	err = c.view(func(rec *store.Records) error {
		id, all, err = c.linked(rec, want, logins)
		return err
	})
	if err != nil || all {
		return id, err
	}
	err = c.update(func(rec, dir *store.Records) error {
		id, err = c.link(rec, dir, want, logins)
		return err
	})
	return id, err
}

// linked returns the one identity that the logins are linked to, or the wanted one if there is none, and whether all of
// them are linked to it.
func (c *scoped) linked(rec *store.Records, want string, logins []login) (id string, all bool, err error) {
	id, all = want, true
	for _, l := range logins {
		r, err := store.Load[ref](rec, loginKey(c.pool.ID, l))
		switch {
		case err != nil:
			return "", false, err
		case r == nil:
			all = false
		case id != "" && r.ID != id && l.Developer:
			return "", false, registeredElsewhere()
		case id != "" && r.ID != id:
			return "", false, linkedElsewhere()
		default:
			id = r.ID
		}
	}
	return id, all, nil
}

// link is linkedAs in a transaction. An identity has one login of each provider, so that a user who signs in with a second
// account of a provider does not become the first's owner; of the developer's users it may have several.
func (c *scoped) link(rec, dir *store.Records, want string, logins []login) (string, error) {
	if p, err := store.Load[pool](rec, poolKey(c.pool.ID)); err != nil || p == nil {
		return "", orErr(err, poolNotFound(c.pool.ID))
	}
	id, all, err := c.linked(rec, want, logins)
	if err != nil || all {
		return id, err
	}
	if id == "" {
		return c.create(rec, dir, logins)
	}
	who, err := c.load(rec, id)
	if err != nil {
		return "", err
	}
	if who.Closed {
		return "", forbidden(id)
	}
	if err := who.add(logins); err != nil {
		return "", err
	}
	who.Modified = c.call.Now
	return id, c.save(rec, who)
}

// add links logins to the identity.
func (r *identityRecord) add(logins []login) error {
	for _, l := range logins {
		if r.has(l) {
			continue
		}
		if r.hasOther(l) {
			return linkedElsewhere()
		}
		r.Logins = append(r.Logins, l)
	}
	if len(r.Logins) > maxLogins {
		return api.NewLimitExceededException("An identity can have at most %d logins.", maxLogins)
	}
	return nil
}

func orErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// load returns an identity of the pool.
func (c *scoped) load(rec *store.Records, id string) (*identityRecord, error) {
	who, err := store.Load[identityRecord](rec, identityKey(c.pool.ID, id))
	if err == nil && who == nil {
		err = identityNotFound(id)
	}
	return who, err
}

func (c *scoped) create(rec, dir *store.Records, logins []login) (string, error) {
	if p, err := store.Load[pool](rec, poolKey(c.pool.ID)); err != nil || p == nil {
		return "", orErr(err, poolNotFound(c.pool.ID))
	}
	// Whoever knows the id of a guest's identity is that guest: all of its 122 bits are random.
	who := &identityRecord{ID: c.pool.Region + ":" + uuid.NewString(), Created: c.call.Now, Modified: c.call.Now, Logins: logins}
	err := store.Save(dir, store.K(kindIdentity, who.ID), &place{c.pool.Account, c.pool.Region, c.pool.ID})
	if err != nil {
		return "", err
	}
	return who.ID, c.save(rec, who)
}

func (c *scoped) save(rec *store.Records, who *identityRecord) error {
	for _, l := range who.Logins {
		if err := store.Save(rec, loginKey(c.pool.ID, l), &ref{who.ID}); err != nil {
			return err
		}
	}
	return store.Save(rec, identityKey(c.pool.ID, who.ID), who)
}
