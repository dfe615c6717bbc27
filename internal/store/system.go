package store

import "context"

// SystemView is for package system only, which says who may use it: it reads a service's records before there is a grant.
func (db *DB) SystemView(ctx context.Context, service string, fn func(*Tx) error) error {
	return db.view(ctx, access{system: service}, fn)
}

// SystemUpdate is for package system only: it writes a service's records without a grant.
func (db *DB) SystemUpdate(ctx context.Context, service string, fn func(*Tx) error) error {
	return db.update(ctx, access{system: service}, fn)
}
