package messages

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/delivery"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Message is a code or an invitation to a user. Its body is secret.
type Message = delivery.Message

// Deliverer sends messages. An error fails the operation that sends it: see deliveryError.
type Deliverer interface {
	// Deliver sends a message, or queues it durably. The grant is that of the request that sends it.
	Deliver(ctx context.Context, g authz.Grant, m Message) error
}

// Mailbox keeps messages in the store, sealed, for the operator of a server without mail: nothing leaves the machine.
// It holds about the last maxMail messages of an account and region.
type Mailbox struct {
	db   *store.DB
	keys *keyring.Keyring
}

// NewMailbox returns the mailbox in a store.
func NewMailbox(db *store.DB, keys *keyring.Keyring) *Mailbox { return &Mailbox{db, keys} }

// maxMail bounds the mailbox: who can sign up can fill it.
const maxMail = 1000

// trimEvery is how many deliveries pass, on average, between two that look for messages to drop.
const trimEvery = 64

type letter struct{ Sealed []byte }

func mailScope(account string) keyring.Scope { return keyring.Scope{Account: account, Name: "mailbox"} }

// Deliver implements Deliverer.
func (b *Mailbox) Deliver(ctx context.Context, g authz.Grant, m Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fault.Wrap(err, "encode a message")
	}
	sealed, err := b.keys.Seal(keyring.ConfirmationCode, mailScope(m.Account), text, nil)
	if err != nil {
		return fault.Wrap(err, "seal a message")
	}
	trim := random.Int(trimEvery) == 0
	return b.db.Update(ctx, g, func(tx *store.Tx) error {
		rec, err := tx.Records(m.Account, m.Region)
		if err != nil {
			return err
		}
		if trim {
			if err := dropOldest(rec); err != nil {
				return err
			}
		}
		k, err := slot(rec, m.Time)
		if err != nil {
			return err
		}
		return store.Save(rec, k, &letter{sealed})
	})
}

// slot is the first free key from a time on, so that messages of one instant keep their order.
func slot(rec *store.Records, at time.Time) (store.Key, error) {
	for n := at.UnixNano(); ; n++ {
		k := store.K("mail", fmt.Sprintf("%020d", n))
		if _, taken, err := rec.Get(k); err != nil || !taken {
			return k, err
		}
	}
}

func dropOldest(rec *store.Records) error {
	var keys []store.Key
	err := rec.Scan(store.K("mail"), nil, func(k store.Key, _ []byte) bool {
		keys = append(keys, slices.Clone(k))
		return true
	})
	for len(keys) >= maxMail && err == nil {
		err = rec.Delete(keys[0])
		keys = keys[1:]
	}
	return err
}

// List returns the messages of an account and region to an address ("" for all), the newest last. Who may call it is for
// the caller to have authorized: the messages hold codes that sign users in.
func (b *Mailbox) List(ctx context.Context, account, region, to string) ([]Message, error) {
	var out []Message
	err := system.View(ctx, b.db, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(account, region)
		if err != nil {
			return err
		}
		out = nil
		var bad error
		err = store.Each(rec, store.K("mail"), nil, func(_ store.Key, l *letter) bool {
			var m Message
			if m, bad = b.open(account, l); bad == nil && (to == "" || strings.EqualFold(m.To, to)) {
				out = append(out, m)
			}
			return bad == nil
		})
		if bad != nil {
			return bad
		}
		return err
	})
	return out, err
}

func (b *Mailbox) open(account string, l *letter) (m Message, err error) {
	text, err := b.keys.Open(keyring.ConfirmationCode, mailScope(account), l.Sealed, nil)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, fault.Doing(err, "open a message")
}
