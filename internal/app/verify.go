package app

import (
	"context"
	"errors"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/store"
)

// VerifyAudit checks the audit log in a store that no server needs to serve. progress is told how many records were read.
func VerifyAudit(ctx context.Context, c Config, anchors []string, progress func(uint64)) (r audit.Report, err error) {
	a := &App{config: c, log: c.Logger}
	defer func() { err = errors.Join(err, a.Close(context.WithoutCancel(ctx))) }()
	if err := a.readKeys(ctx); err != nil {
		return r, err
	}
	if err := a.openStore(ctx); err != nil {
		return r, err
	}
	reader, err := audit.NewReader(a.backend, audit.Options{Keys: a.keys, NodeID: "verify", Prefix: []byte{store.SpaceAudit}})
	if err != nil {
		return r, err
	}
	o := audit.VerifyOptions{Progress: func(r audit.Report) { progress(r.Records) }}
	for _, text := range anchors {
		anchor, err := audit.ParseAnchor(text)
		if err != nil {
			return r, err
		}
		o.Anchors = append(o.Anchors, anchor)
	}
	return reader.Verify(ctx, o)
}
