package bulkhead

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"time"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/limit"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// MailPath is where the server's page of the mailbox is.
const MailPath = "/-/mail"

// How long a link may be opened, once, and how long the page then shows the mailbox.
const (
	linkLife    = time.Minute
	mailSession = time.Hour
)

// Clients without credentials may ask so often, each by its address.
const (
	askedEvery = time.Second
	askedBurst = 100
)

// pass is a link or the session that it opens, held by the browser and sealed. A link is good for another use than a
// session, and each only where the operator asked for it: a page of another name that leads here (DNS rebinding) is none.
type pass struct {
	ID, Account, Region, Host string
	// By is the ARN of who asked for the link.
	By      string
	Expires time.Time
}

const (
	passLink    = "link"
	passSession = "session"
)

func passScope(account string) keyring.Scope { return keyring.Scope{Account: account, Name: "mailbox"} }

func (s *Service) sealPass(kind string, p *pass) (*string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fault.Wrap(err, "encode a link to the mailbox")
	}
	sealed, err := s.keys.Seal(keyring.MailboxLink, passScope(p.Account), text, []byte(kind))
	if err != nil {
		return nil, fault.Wrap(err, "seal a link to the mailbox")
	}
	// the account is in front, since it names the key
	return new(p.Account + "." + base64.RawURLEncoding.EncodeToString(sealed)), nil
}

// accountLen is the length of an account id.
const accountLen = 12

// openPass reads a link or session, and says nothing of what is wrong with one.
func (s *Service) openPass(c *pipeline.Call, kind, text string) (*pass, error) {
	if len(text) <= accountLen || text[accountLen] != '.' {
		return nil, badPass()
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text[accountLen+1:])
	if err != nil {
		return nil, badPass()
	}
	plain, err := s.keys.Open(keyring.MailboxLink, passScope(text[:accountLen]), sealed, []byte(kind))
	if err != nil {
		return nil, badPass()
	}
	var p pass
	if err := json.Unmarshal(plain, &p); err != nil {
		return nil, fault.Wrap(err, "read a link to the mailbox")
	}
	if !c.Now.Before(p.Expires) || c.Host != p.Host || p.Account != text[:accountLen] {
		return nil, badPass()
	}
	return &p, nil
}

func badPass() error {
	return api.NewInvalidMailboxLinkException("The link is not one to this mailbox, was opened already or is over. Ask for another.")
}

// Why the mailbox's page needs no permission.
const (
	openByLink    = "authorized by a link that was given to who may list messages, once"
	openByMailbox = "authorized by the session that such a link opened"
)

// CreateMailboxLink needs what ListMessages needs, and is an action of its own.
func (r requirements) CreateMailboxLink(s *authz.Scope, _ *api.CreateMailboxLinkInput) authz.Requirement {
	list := r.ListMessages(s, nil)
	link := list.Checks()[0]
	link.Action = "bulkhead:CreateMailboxLink"
	return authz.All(list, authz.RequireChecks(link))
}

func (requirements) OpenMailbox(s *authz.Scope, _ *api.OpenMailboxInput) authz.Requirement {
	return authz.Anonymous(openByLink, resource(s, "*"))
}

func (requirements) ReadMailbox(s *authz.Scope, _ *api.ReadMailboxInput) authz.Requirement {
	return authz.Anonymous(openByMailbox, resource(s, "*"))
}

// CreateMailboxLink makes a link to the mailbox's page that can be opened once, within a minute, at the address that the
// request was sent to.
func (s *Service) CreateMailboxLink(_ context.Context, c *pipeline.Call, _ *api.CreateMailboxLinkInput) (*api.CreateMailboxLinkOutput, error) {
	expires := c.Now.Add(linkLife)
	ticket, err := s.sealPass(passLink, &pass{rand.Text(), c.Account, c.Region, c.Host, c.Caller.ARN, expires})
	if err != nil {
		return nil, err
	}
	return &api.CreateMailboxLinkOutput{Path: new(MailPath + "/open?ticket=" + *ticket), ExpiresAt: &expires}, nil
}

func linkKey(id string) store.Key { return store.K("mailbox-link", id) }

// used marks a link that was opened, until it is over anyway.
type used struct{ Expires time.Time }

// OpenMailbox takes a link for a session of the mailbox's page.
func (s *Service) OpenMailbox(ctx context.Context, c *pipeline.Call, in *api.OpenMailboxInput) (*api.OpenMailboxOutput, error) {
	p, err := s.openPass(c, passLink, opt.Value(in.Ticket))
	if err != nil {
		return nil, err
	}
	c.Note("linkOf", p.By)
	fresh := false
	err = s.update(ctx, c, func(home *store.Records) error {
		_, found, err := home.Get(linkKey(p.ID))
		if fresh = !found; err != nil || found {
			return err
		}
		if err := dropUsed(home, c.Now); err != nil {
			return err
		}
		return store.Save(home, linkKey(p.ID), &used{p.Expires})
	})
	if err != nil {
		return nil, err
	}
	if !fresh {
		return nil, badPass()
	}
	p.ID, p.Expires = rand.Text(), c.Now.Add(mailSession)
	session, err := s.sealPass(passSession, p)
	return &api.OpenMailboxOutput{Session: session, ExpiresAt: &p.Expires}, err
}

// dropUsed removes marks that are over. There are as many as links were opened within a minute.
func dropUsed(home *store.Records, now time.Time) error {
	var over []store.Key
	err := store.Each(home, store.K("mailbox-link"), nil, func(k store.Key, u *used) bool {
		if now.After(u.Expires) {
			over = append(over, append(store.Key(nil), k...))
		}
		return true
	})
	for _, k := range over {
		if err == nil {
			err = home.Delete(k)
		}
	}
	return err
}

// ReadMailbox lists the messages that the session shows, the newest last.
func (s *Service) ReadMailbox(ctx context.Context, c *pipeline.Call, in *api.ReadMailboxInput) (*api.ReadMailboxOutput, error) {
	p, err := s.openPass(c, passSession, opt.Value(in.Session))
	if err != nil {
		return nil, err
	}
	c.Note("linkOf", p.By)
	found, err := s.mail.List(ctx, p.Account, p.Region, "")
	if err != nil {
		return nil, err
	}
	return &api.ReadMailboxOutput{Messages: shown(found)}, nil
}

// ask counts a question of a client without credentials.
func (s *Service) ask(c *pipeline.Call) error {
	if !s.asked.Allow(limit.Client(c.SourceIP), c.Now) {
		return api.NewTooManyRequestsException("Too many requests. Try again later.")
	}
	return nil
}
