package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/objects"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/dynamodb/tabledata"
)

const (
	// One transaction of an import writes this many items and bytes of them at most, but at least one item.
	importItems = 100
	importBytes = 1 << 20
	// maxImportErrors is how many errors end an import (quota of errors that AWS logs).
	maxImportErrors = 10_000
)

// imported is how far an import is.
type imported struct {
	// Key and ETag are those of the object that is being read, Records how many of its records were.
	Key, ETag string `json:",omitempty"`
	Records   int64  `json:",omitempty"`
	// Done is true once the object is read whole.
	Done bool `json:",omitempty"`
	// First says what is wrong with the first record that was refused.
	First string `json:",omitempty"`
}

// importWork is an import that a node works on.
type importWork struct {
	*held
	*importOf
	table *table
	types map[string]item.Kind
}

// load reads the objects of an import, from where it is.
func (h *held) load(ctx context.Context) error {
	w := &importWork{held: h}
	err := system.View(ctx, h.s.db, name, func(tx *store.Tx) (err error) {
		if w.importOf, err = loadTransfer[importOf](tx, h.place(), importing, h.ID); err != nil || w.importOf == nil {
			return err
		}
		w.table, err = h.s.read(tx, h.place(), nil)
		return err
	})
	switch {
	case err != nil:
		return err
	case w.importOf == nil || w.table == nil || w.table.ID != w.Table || w.table.Importing != h.ID:
		return &failure{unknownFailure, "The table of the import is gone"}
	}
	w.types = w.table.keyTypes()
	list, err := h.s.objects.List(ctx, w.Bucket, opt.Value(w.Prefix), maxImportObjects)
	if err != nil {
		return err
	}
	if at := h.Import; at.Key != "" && !at.Done && !slices.ContainsFunc(list, func(o objects.Object) bool { return o.Key == at.Key }) {
		return &failure{objects.Changed, fmt.Sprintf("The object %s was removed while it was imported", at.Key)}
	}
	for _, o := range list {
		at := h.Import
		switch {
		case o.Key < at.Key || o.Key == at.Key && at.Done:
			continue
		case o.Key == at.Key && o.ETag != at.ETag:
			return &failure{objects.Changed, fmt.Sprintf("The object %s changed while it was imported", o.Key)}
		}
		if err := w.object(ctx, o); err != nil {
			return err
		}
	}
	return h.endImport(ctx, "", "")
}

// keyTypes are the types of the attributes that are keys, which CSV cannot tell.
func (r *record) keyTypes() map[string]item.Kind {
	types := map[string]item.Kind{}
	for _, a := range r.Attributes {
		types[a.Name] = scalars[a.Type]
	}
	return types
}

// haul is what is written in one transaction.
type haul struct {
	items []item.Map
	bytes int
	// records were read to have it, of which refused are no items; first says what is wrong with the first of those.
	records, refused int64
	first            string
	// done is true at the end of an object, whose size is read.
	done bool
	read int64
}

func (b *haul) full() bool {
	return len(b.items) >= importItems || b.bytes >= importBytes || b.records >= 10*importItems
}

// object imports one object, from where it is.
func (w *importWork) object(ctx context.Context, o objects.Object) error {
	skip := w.recordsOf(o)
	body, err := w.s.objects.Get(ctx, w.Bucket, o.Key, o.ETag)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was only read
	in := tabledata.NewReader(body, w.format(), w.types)
	defer in.Close()
	for b := (&haul{}); !b.done; {
		m, err := in.Next()
		var bad *tabledata.RecordError
		if errors.As(err, &bad) {
			err = nil
		}
		switch {
		case errors.Is(err, io.EOF):
			b.done = true
		case err != nil:
			return err
		case skip > 0:
			skip--
		default:
			w.take(b, o, m, bad)
		}
		if bad != nil && bad.Last {
			b.done = true
		}
		b.read = in.Size()
		if !b.done && !b.full() {
			if err := w.renew(ctx); err != nil {
				return err
			}
			continue
		}
		if err := w.write(ctx, o, b); err != nil || b.done {
			return err
		}
		b = &haul{}
	}
	return nil
}

// take adds a record to a haul, or counts it as refused.
func (w *importWork) take(b *haul, o objects.Object, m item.Map, bad *tabledata.RecordError) {
	b.records++
	reason := ""
	if bad != nil {
		reason = bad.Reason
	} else if err := fits(&w.table.schema, m); err != nil {
		reason = fault.Text(err)
	}
	if reason == "" {
		b.items = append(b.items, m)
		b.bytes += m.Size()
		return
	}
	b.refused++
	if b.first == "" {
		b.first = fmt.Sprintf("object %s, record %d: %s", o.Key, w.recordsOf(o)+b.records, reason)
	}
}

// recordsOf is how many records of an object are on record as read.
func (w *importWork) recordsOf(o objects.Object) int64 {
	if w.Import.Key == o.Key {
		return w.Import.Records
	}
	return 0
}

// fits refuses what no write would put into the table.
func fits(t *item.Table, m item.Map) error {
	write := item.Write{Kind: item.PutRow, Item: m}
	if err := m.Err(); err != nil {
		return invalid("a value is none that an attribute can have") // the error may show it
	}
	if err := write.Check(); err != nil {
		return err
	}
	_, err := write.RowKey(t)
	return err
}

// write writes a haul and puts on record how far the import is.
func (w *importWork) write(ctx context.Context, o objects.Object, b *haul) error {
	var m importOf
	err := w.progress(ctx, func(tx *store.Tx, t *transfer) error {
		now := w.now()
		if err := system.Import(tx, w.Table, w.table.sealing, &w.table.schema, b.items, now); err != nil {
			return err
		}
		at := t.Import
		if at.Key != o.Key {
			*at = imported{Key: o.Key, ETag: o.ETag, First: at.First}
		}
		at.Records += b.records
		at.Done = b.done
		if at.First == "" {
			at.First = b.first
		}
		m = *w.importOf
		m.Processed += b.records
		m.Imported += int64(len(b.items))
		m.Errors += b.refused
		if b.done {
			m.Bytes += b.read
		}
		return saveTransfer(tx, t.place(), importing, t.ID, &m)
	})
	if err != nil {
		return err
	}
	w.importOf = &m
	if m.Errors >= maxImportErrors {
		return &failure{itemsInvalid, fmt.Sprintf("More than %d items failed validation checks, and the rest was not read. The first: %s", maxImportErrors, w.Import.First)}
	}
	return nil
}

// endImport ends an import: well if there is no code, and nothing was refused. A table that holds nothing because the import failed is
// removed.
func (h *held) endImport(ctx context.Context, code, message string) error {
	err := h.end(ctx, func(tx *store.Tx, t *transfer) error {
		at := t.place()
		m, err := loadTransfer[importOf](tx, at, importing, t.ID)
		if err != nil || m == nil {
			return err
		}
		m.Status, m.Ended, m.Code, m.Message = string(api.ImportStatusCompleted), h.now().UTC(), code, message
		if code == "" && m.Errors > 0 {
			m.Code = itemsInvalid
			m.Message = "Some of the items failed validation checks and were not imported. The first: " + t.Import.First
		}
		if m.Code != "" {
			m.Status = string(api.ImportStatusFailed)
		}
		if err := saveTransfer(tx, at, importing, t.ID, m); err != nil {
			return err
		}
		return h.s.endImporting(tx, at, m)
	})
	if err == nil {
		h.s.log.Info("dynamodb: import ended", "import", importARN(h.place(), h.ID), "code", code)
	}
	return lost(err)
}

// endImporting lets the table of an import be used, or removes it.
func (s *Service) endImporting(tx *store.Tx, at place, m *importOf) error {
	t, err := s.read(tx, at, nil)
	if err != nil || t == nil || t.ID != m.Table {
		return err
	}
	if m.Code == "" || m.Code == itemsInvalid || m.Imported > 0 {
		rec := t.record
		rec.Importing = ""
		return save(tx, at, &rec)
	}
	return t.remove(tx, at)
}
