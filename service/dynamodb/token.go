package dynamodb

import (
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/digest"
)

// tokenLife is how long a ClientRequestToken is remembered (API reference, "TransactWriteItems").
const tokenLife = 10 * time.Minute

// performed is a transaction that was performed under a token.
type performed struct {
	Until   time.Time
	Request string // digest of the request
	// Units are the read units by table that the request is said to consume when it comes again.
	Units map[string]float64
	// Started is true of one that an outside engine performs and has not answered yet.
	Started bool `json:",omitempty"`
	// Job is the id of the export or import that was begun, Of the table's name.
	Job, Of string `json:",omitempty"`
}

func (p *performed) consumed(mode api.ReturnConsumedCapacity) []api.ConsumedCapacity {
	if !asked(mode) {
		return nil
	}
	var all []api.ConsumedCapacity
	for _, named := range slices.Sorted(maps.Keys(p.Units)) {
		c := consumed(mode, nil, named, item.Cost{Table: p.Units[named]})
		all = append(all, *transacted(c, false))
	}
	return all
}

// token is the ClientRequestToken of a transaction; the zero token is none.
type token struct {
	account, region string
	id, request     string
	life            time.Duration
	done            *performed // not nil if the request was performed before
}

// errTokenUsed is a token that another request had.
var errTokenUsed = errors.New("dynamodb: the token was used for another request")

// token looks a request's token up. request is a digest of all that the request asks for.
func (s *Service) token(tx *store.Tx, c *pipeline.Call, given *string, request string) (*token, error) {
	if opt.Value(given) == "" {
		return &token{}, nil
	}
	t, err := lookUp(tx, c, *given, request, tokenLife)
	if err == errTokenUsed { //nolint:errorlint // it is never wrapped
		return nil, api.NewIdempotentParameterMismatchException("The provided client token is already in use with a different " +
			"request; the parameters of the request must be the same.")
	}
	return t, err
}

// lookUp looks for what was performed under a token. errTokenUsed is one that another request had.
func lookUp(tx *store.Tx, c *pipeline.Call, given, request string, life time.Duration) (*token, error) {
	account, region := c.Grant.Home()
	t := &token{account: account, region: region, id: tokenID(c.Caller, given), request: request, life: life}
	recs, err := tx.Records(account, region)
	if err != nil {
		return nil, err
	}
	p, err := store.Load[performed](recs, t.key())
	if err != nil || p == nil || !c.Now.Before(p.Until) {
		return t, err
	}
	if p.Request != t.request {
		return nil, errTokenUsed
	}
	t.done = p
	return t, nil
}

func (t *token) key() store.Key { return store.K("token", t.id) }

// keep remembers that the request was performed, and when to forget it.
func (t *token) keep(tx *store.Tx, now time.Time, units map[string]float64) error {
	return t.record(tx, now, &performed{Units: units})
}

// record puts what became of the request on record; nil is nothing, as if it had never come.
func (t *token) record(tx *store.Tx, now time.Time, p *performed) error {
	if t.id == "" {
		return nil
	}
	recs, err := tx.Records(t.account, t.region)
	if err != nil {
		return err
	}
	if p == nil {
		return recs.Delete(t.key())
	}
	until := now.UTC().Add(t.life)
	p.Until, p.Request = until, t.request
	if err := store.Save(recs, t.key(), p); err != nil {
		return err
	}
	jobs, err := tx.Directory()
	if err != nil {
		return err
	}
	return store.Save(jobs, expiryKey(until, t.id), &expiry{Account: t.account, Region: t.region, Token: t.id, Until: until})
}

// tokenID names a token. Tokens are the caller's own: one role's, or one tenant's in it, say nothing of another's.
func tokenID(p *authn.Principal, text string) string {
	who := p.RoleARN
	if who == "" {
		who = p.ARN
	}
	return hex.EncodeToString(digest.Of(who, p.Tenant.String(), text))
}
