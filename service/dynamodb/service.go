// Package dynamodb serves DynamoDB's API ("Amazon DynamoDB API Reference"): tables, rows, indexes, batches and
// transactions. What a request does to rows is package item's; which rows it may touch is the store's view's.
//
// Where it differs from AWS:
//   - A table is ACTIVE as soon as CreateTable has answered, and gone as soon as DeleteTable has; its rows are removed
//     in the background. A new index is backfilled in the background, as on AWS.
//   - All reads are strongly consistent; ConsistentRead changes the capacity that a read is said to consume, and is
//     refused on global indexes as on AWS.
//   - Throughput is enforced only if the server is told to (--enforce-throughput), and then by each node for itself. A
//     write is refused while any global index of its table is over its capacity. A tag (bulkhead:tenant-capacity) gives each
//     tenant of a table a share of it.
//   - BatchWriteItem is one transaction, and so are the writes of a BatchExecuteStatement. Who may not run one statement of
//     a batch runs none of it: the request is refused, not the statement.
//   - A write with ReturnValuesOnConditionCheckFailure ALL_OLD has ALL_OLD among its dynamodb:ReturnValues: a policy that
//     keeps a caller from reading whole items by ReturnValues keeps it from reading them by a condition that fails.
//   - The tenants of a guarded table are told no counts of rows by DescribeTable.
//   - Rows that have expired by their time to live are removed within about a quarter of an hour.
//   - A tenant sees of the stream of a guarded table only the changes of its own and of shared rows. AWS restores no
//     tags; a restored table has the stricter of the bulkhead: tags that its source had then and has now (guardhistory.go).
//   - Exports go to, and imports come from, a directory or an outside storage that speaks S3's API (Config.Objects). No tenant's session
//     exports a guarded table or imports anything; tables whose rows are sealed under tenants' keys are exported only with the tag
//     bulkhead:export = open. ION is refused.
//   - A table can be restored to any time up to now; on AWS the latest restorable time is some minutes ago.
//   - The rows of a table with the tag bulkhead:seal-key are sealed, each tenant's under its own KMS key. While that key cannot be
//     used, what names the tenant's rows is refused (AccessDeniedException), and Scan and queries of global indexes leave them out.
//   - With an outside engine (Config.Engine) it keeps the rows of new tables, and streams, recovery and backups of such
//     tables are refused.
//   - A table's KMS key (SSESpecification) is asked of who sets it, not of who reads and writes rows, and is one of the table's account.
//   - Global tables are refused, never accepted in silence.
//
// The files and the packages below, by topic:
//   - authorization, before anything is executed: require*.go, the condition keys in requirekeys.go; names and ARNs: locate.go
//   - tables as they are stored and cached: table.go, schema.go; their operations: create.go, describe.go, update.go, tables.go, tags.go,
//     policies.go, throughput.go, counts.go
//   - rows: package plan compiles requests; items.go, query.go, batch.go, transact.go execute them; readtables.go opens tables,
//     token.go knows what was performed (package digest tells requests apart), pause.go where a page stopped, capacity.go and
//     throttle.go what it costs (package ratelimit: how much is left)
//   - PartiQL: package plan puts statements into the terms of rows, execute.go and executeall.go perform them
//   - changes: streams.go, streamfacts.go, streamread.go, package streamid for what clients name; trim.go, ttl.go
//   - sealed rows and tables' keys: seal.go, encryption.go, package datakeys
//   - work in the background, in the store's transactions: jobs.go; backups and restores: backups.go, backupjobs.go, recovery.go,
//     restore.go, guardhistory.go
//   - exports and imports, which reach outside of transactions: transfers.go; exports.go, exportjobs.go, incremental.go;
//     imports.go, importjobs.go; how their objects are read and written: package tabledata
//   - tables that an outside engine keeps: outside.go and outside*.go, each named as what it is for here
package dynamodb

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/objects"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/tenant"
	"github.com/bulkhead/bulkhead/service/dynamodb/datakeys"
	"github.com/bulkhead/bulkhead/service/dynamodb/ratelimit"
)

// name is the service's signing name: the space of its records.
const name = "dynamodb"

// cachedTables is how many tables' facts are kept in memory.
const cachedTables = 4096

// KeyService is the server's KMS, package kms, as this service asks it by itself, and not for a caller.
type KeyService interface {
	datakeys.KMS
	// Managed returns the ARN of the account's AWS managed key of a service, which it makes when it is first asked for.
	Managed(ctx context.Context, account, region, owner string, now time.Time) (string, error)
	// Inaccessible tells why a key cannot be used now, nil if it can, and since when, zero if that is not known.
	Inaccessible(ctx context.Context, account, region, key string) (since time.Time, reason, err error)
}

// Config is what the service works with; all of it is required.
type Config struct {
	DB *store.DB
	// Tenants is the language of tenant ids, which says what owner patterns are safe.
	Tenants *tenant.Language
	Log     *slog.Logger
	// Keyring and Keys keep the data keys of tables whose rows are sealed; Keyring seals the tokens of pages too.
	Keyring *keyring.Keyring
	Keys    KeyService
	// Engine keeps the rows of new tables outside of this server; nil keeps them in DB. Adopter is the account whose operators may
	// adopt tables that the engine has already.
	Engine  Engine
	Adopter string
	// Objects keeps the files of exports and imports.
	Objects objects.Store
	// Alone is true if no other node works on DB: what a process that is gone was working on is then taken up at once.
	Alone bool
	// EnforceThroughput refuses requests beyond the capacity of tables and indexes, as AWS does. Each node counts for itself: n
	// nodes let n times as much through.
	EnforceThroughput bool
}

// Service executes DynamoDB's operations.
type Service struct {
	db     *store.DB
	ids    *tenant.Language
	log    *slog.Logger
	ring   *keyring.Keyring
	kms    KeyService
	keys   *datakeys.Keys
	calls  callerKeys
	tables *store.Cache[place, *table]
	wake   chan struct{}
	// node tells this service from those of other nodes on the same store; wakeTransfers is wake for exports and imports.
	node          string
	wakeTransfers chan struct{}
	turns         turns
	objects       objects.Store
	alone         bool
	// fileSize is how many bytes of items one file of an export has at least, but for the last.
	fileSize  int64
	uncounted uncounted
	engine    Engine
	adopter   string
	enforce   bool
	buckets   ratelimit.Buckets
}

var (
	_ api.Service      = (*Service)(nil)
	_ api.Requirements = (*requirements)(nil)
)

// New returns the service. Run does its background work.
func New(c Config) *Service {
	keys := datakeys.New(c.DB, c.Keyring, c.Keys)
	c.DB.UseDataKeys(keys)
	return &Service{
		db: c.DB, ids: c.Tenants, log: c.Log, ring: c.Keyring, kms: c.Keys, keys: keys, calls: invokedKeys{}, tables: store.NewCache[place, *table](c.DB, name, cachedTables),
		wake: make(chan struct{}, 1), wakeTransfers: make(chan struct{}, 1), node: uuid.NewString(), objects: c.Objects, alone: c.Alone, fileSize: exportFileSize,
		engine: c.Engine, adopter: c.Adopter, enforce: c.EnforceThroughput,
	}
}

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, &requirements{s})}
}

// inAnyTable runs fn in a reading transaction with the table as it is in it, whoever keeps its rows.
func (s *Service) inAnyTable(ctx context.Context, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error {
	return s.db.View(ctx, c.Grant, func(tx *store.Tx) error { return s.withAny(tx, c, at, fn) })
}

// readRows is inTable for operations that open the table's rows, which needs a grant for this very table. The cached facts
// serve, without a look at the record, if they turn out to be those of the transaction; else fn runs again.
func (s *Service) readRows(ctx context.Context, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error {
	held := s.tables.Held(at.account, at)
	return s.db.ViewRerun(ctx, c.Grant, func(tx *store.Tx) error {
		if held.OK() && s.db.Alone() {
			if err := fn(tx, held.Value); held.In(tx) {
				return err
			}
		}
		return s.with(tx, c, at, fn)
	})
}

// errOutdated ends a transaction whose cached facts are not, or may not be, those of the store.
var errOutdated = errors.New("dynamodb: the cached facts of a table are out of date")

// writeRows is changeTable for operations that write the table's rows and not the table. As in readRows, the cached facts serve
// if they turn out to be those of the transaction, and stay so until it commits; else fn runs in another one.
func (s *Service) writeRows(ctx context.Context, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error {
	if held := s.tables.Held(at.account, at); held.OK() && s.db.Alone() {
		err := s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
			if err := depend(tx, at); err != nil {
				return err
			}
			if err := fn(tx, held.Value); held.In(tx) {
				return err
			}
			return errOutdated // whatever fn has made of them
		})
		if !errors.Is(err, errOutdated) {
			return err
		}
	}
	return s.changeTable(ctx, c, at, fn)
}

// depend has a writing transaction run again if the table's record changes before it commits.
func depend(tx *store.Tx, at place) error {
	recs, err := tx.Records(at.account, at.region)
	if err == nil && !recs.Depend(at.key()) {
		err = errOutdated
	}
	return err
}

// changeTable runs fn, perhaps several times, in a writing transaction with the table as it is in it.
func (s *Service) changeTable(ctx context.Context, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error {
	return s.db.Update(ctx, c.Grant, func(tx *store.Tx) error { return s.with(tx, c, at, fn) })
}

// changeAnyTable is changeTable for what is the same for tables whose rows an outside engine keeps.
func (s *Service) changeAnyTable(ctx context.Context, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error {
	return s.db.Update(ctx, c.Grant, func(tx *store.Tx) error { return s.withAny(tx, c, at, fn) })
}

func (s *Service) with(tx *store.Tx, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error {
	return s.withAny(tx, c, at, func(tx *store.Tx, t *table) error {
		if t.Outside != nil {
			return errOutside
		}
		return fn(tx, t)
	})
}

func (s *Service) withAny(tx *store.Tx, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error {
	t, err := s.current(tx, at)
	if err != nil {
		return err
	}
	if t == nil {
		return errNoTable
	}
	if err := known(c, &t.res); err != nil {
		return err
	}
	return fn(tx, t)
}

// known refuses to act on a table, stream or backup whose owner rule is not the one that the request was decided under. It is decided
// anew when the client tries again.
func known(c *pipeline.Call, res *authz.Resource) error {
	if c.Grant.Knows(res) {
		return nil
	}
	return fault.New(fault.Unavailable, "The owner rule of the table is being changed. Try again.")
}

// unsupported refuses an option that AWS has and this server does not.
func unsupported(option string) error {
	return fault.New(fault.Unsupported, "%s is not supported yet.", option)
}

func invalid(format string, args ...any) error { return fault.New(fault.Validation, format, args...) }

// wrong begins most of DynamoDB's messages about parameters.
const wrong = "One or more parameter values were invalid: "
