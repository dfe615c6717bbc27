// Package system reads and writes what is needed before a grant exists: credentials, policies and the facts about
// resources that a decision is made of. An architecture test names the packages that may import it.
package system

import (
	"context"

	"github.com/bulkhead/bulkhead/internal/store"
)

// View runs fn with views of all records of the service.
func View(ctx context.Context, db *store.DB, service string, fn func(*store.Tx) error) error {
	return db.SystemView(ctx, service, fn)
}

// Update runs fn with writable views of all records of the service. It is for the first start, and for services whose
// operations by their nature reach into an account that the caller's grant cannot name (organizations:CreateAccount).
func Update(ctx context.Context, db *store.DB, service string, fn func(*store.Tx) error) error {
	return db.SystemUpdate(ctx, service, fn)
}
