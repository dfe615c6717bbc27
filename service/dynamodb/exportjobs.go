package dynamodb

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5" //nolint:gosec // the format of exports has it, no protection
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/dynamodb/tabledata"
)

// exportFileSize is how many bytes of JSON a file of an export has before the next one begins. A file that was not finished when a
// node ended is begun anew.
const exportFileSize = 128 << 20

// exported is how far an export is.
type exported struct {
	// Ready is true once the rows are copied, or the changes staged; Started once there is the file _started.
	Ready, Started bool
	// From is where the next file goes on, Files how many there are; Read is true when they hold all.
	From  []byte `json:",omitempty"`
	Files int    `json:",omitempty"`
	Read  bool   `json:",omitempty"`
}

func exportFileKey(export string, n int) store.Key {
	return store.K("exportfile", export, fmt.Sprintf("%08d", n))
}

// exportReady lets an export begin whose rows are copied.
func exportReady(tx *store.Tx, at place, id string) error {
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	t := &transfer{Kind: exporting, ID: id, Account: at.account, Region: at.region}
	there, err := store.Load[transfer](dir, t.key())
	if err != nil || there == nil {
		return err
	}
	there.Export.Ready = true
	return store.Save(dir, there.key(), there)
}

// exportRun is an export that a node works on.
type exportRun struct {
	*held
	*export
	source store.Source
	table  *table
}

// export writes the files of an export, from where it is.
func (h *held) export(ctx context.Context) error {
	run := &exportRun{held: h}
	err := system.View(ctx, h.s.db, name, func(tx *store.Tx) (err error) {
		run.export, err = loadTransfer[export](tx, h.place(), exporting, h.ID)
		return err
	})
	if err != nil {
		return err
	}
	if run.export == nil {
		return &failure{unknownFailure, "The export is not on record"}
	}
	run.source = store.Source{Rows: run.Rows, Table: run.Table}
	if run.source.Seal, err = h.s.sealing(&run.Source, h.Account, h.Region); err != nil {
		return err
	}
	if run.table, err = h.s.compile(&run.Source, h.place(), nil); err != nil {
		return err
	}
	if !h.Export.Started {
		if err := run.start(ctx); err != nil {
			return err
		}
	}
	for !h.Export.Read {
		if err := run.file(ctx); err != nil {
			return err
		}
	}
	return run.finish(ctx)
}

func (r *exportRun) put(ctx context.Context, key string, body io.Reader) (etag string, err error) {
	return r.s.objects.Put(ctx, r.Bucket, key, body, r.Encryption)
}

// start shows that the bucket can be written to.
func (r *exportRun) start(ctx context.Context) error {
	if _, err := r.put(ctx, r.folder()+"_started", strings.NewReader("")); err != nil {
		return err
	}
	return r.progress(ctx, func(_ *store.Tx, t *transfer) error {
		t.Export.Started = true
		return nil
	})
}

// fileName is the name of the n-th file: always the same, so that one which was written but not put on record is written over.
func (r *exportRun) fileName(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", r.Table, r.held.ID, n))
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
	return r.folder() + "data/" + strings.ToLower(text) + ".json.gz"
}

// file writes the next file and puts it on record.
func (r *exportRun) file(ctx context.Context) error {
	n := r.Export.Files
	w := &fileWriter{run: r, next: r.Export.From, sum: md5.New()} //nolint:gosec // see the import
	from, to := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		to.CloseWithError(w.write(ctx, to))
	}()
	key := r.fileName(n)
	etag, err := r.put(ctx, key, io.TeeReader(from, w.sum))
	from.CloseWithError(io.ErrClosedPipe)
	<-written
	if w.err != nil && !errors.Is(w.err, io.ErrClosedPipe) {
		err = w.err // what came first; the pipe is closed by a storage that failed before
	}
	if err != nil {
		return err
	}
	file := tabledata.File{Items: w.items, MD5: base64.StdEncoding.EncodeToString(w.sum.Sum(nil)), ETag: etag, Key: key}
	items, size := r.Items+w.items, r.Bytes+w.bytes
	err = r.progress(ctx, func(tx *store.Tx, t *transfer) error {
		t.Export.Files, t.Export.From, t.Export.Read = n+1, w.next, w.next == nil
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		if err := store.Save(dir, exportFileKey(r.held.ID, n), &file); err != nil {
			return err
		}
		e := *r.export
		e.Items, e.Bytes = items, size
		return saveTransfer(tx, t.place(), exporting, t.ID, &e)
	})
	if err == nil {
		r.Items, r.Bytes = items, size
	}
	return err
}

// fileWriter writes one file of an export.
type fileWriter struct {
	run          *exportRun
	next         []byte
	items, bytes int64
	sum          interface {
		io.Writer
		Sum([]byte) []byte
	}
	err error
}

// write writes lines until the file is large enough or there are no more.
func (w *fileWriter) write(ctx context.Context, to io.Writer) error {
	gz := gzip.NewWriter(to)
	for size := int64(0); size < w.run.s.fileSize; {
		lines, err := w.lines(ctx)
		if err == nil {
			err = w.run.renew(ctx)
		}
		if err == nil {
			_, err = gz.Write(lines)
		}
		if err != nil {
			w.err = err
			return err
		}
		size += int64(len(lines))
		if w.next == nil {
			break
		}
	}
	w.err = gz.Close()
	return w.err
}

// lines reads what is next, a line of JSON each.
func (w *fileWriter) lines(ctx context.Context) (b []byte, err error) {
	r, items, size, next := w.run, int64(0), int64(0), []byte(nil)
	err = system.View(ctx, r.s.db, name, func(tx *store.Tx) (err error) {
		b, items, size = nil, 0, 0
		if r.incremental() {
			b, items, size, next, err = r.changedLines(tx, w.next)
			return err
		}
		found, after, err := system.ReadBackup(tx, r.source, w.next, copyChunk)
		for _, m := range found {
			b = tabledata.AppendItem(b, m)
			items, size = items+1, size+int64(m.Size())
		}
		next = after
		return err
	})
	w.items, w.bytes, w.next = w.items+items, w.bytes+size, next
	return b, err
}

// finish writes the manifests and ends the export.
func (r *exportRun) finish(ctx context.Context) error {
	ended := r.now().UTC()
	files, err := r.files(ctx)
	if err != nil {
		return err
	}
	list, err := tabledata.List(files)
	if err != nil {
		return err
	}
	if err := r.manifest(ctx, "manifest-files", list); err != nil {
		return err
	}
	summary, err := json.Marshal(r.summary(ended))
	if err != nil {
		return err
	}
	if err := r.manifest(ctx, "manifest-summary", summary); err != nil {
		return err
	}
	return r.complete(ctx, ended)
}

func (r *exportRun) manifest(ctx context.Context, name string, content []byte) error {
	if err := r.renew(ctx); err != nil {
		return err
	}
	if _, err := r.put(ctx, r.folder()+name+".json", bytes.NewReader(content)); err != nil {
		return err
	}
	sum := md5.Sum(content) //nolint:gosec // see the import
	_, err := r.put(ctx, r.folder()+name+".md5", strings.NewReader(base64.StdEncoding.EncodeToString(sum[:])))
	return err
}

// files are all files on record. A terabyte has some eight thousand.
func (r *exportRun) files(ctx context.Context) (all []tabledata.File, err error) {
	err = system.View(ctx, r.s.db, name, func(tx *store.Tx) error {
		all = nil
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return store.Each(dir, store.K("exportfile", r.held.ID), nil, func(_ store.Key, f *tabledata.File) bool {
			all = append(all, *f)
			return true
		})
	})
	return all, err
}

func (r *exportRun) summary(ended time.Time) *tabledata.Summary {
	at := r.place()
	x := &tabledata.Summary{
		Version: "2020-06-30", ExportARN: exportARN(at, r.held.ID), StartTime: tabledata.Stamp(r.Started), EndTime: tabledata.Stamp(ended),
		TableARN: at.arn(), TableID: r.Table, Bucket: r.Bucket.Name, Prefix: opt.Present(r.Prefix), SSEAlgorithm: opt.Present(r.Encryption.Algorithm),
		SSEKeyID: opt.Present(r.Encryption.KeyID), ManifestFilesKey: r.folder() + "manifest-files.json", BilledSizeBytes: r.Bytes,
		ItemCount: r.Items, OutputFormat: r.Format, ExportType: string(api.ExportTypeFullExport),
	}
	if !r.incremental() {
		x.ExportTime = tabledata.Stamp(r.At)
		return x
	}
	x.Version, x.ExportType, x.OutputView = "2023-08-01", r.Type, r.View
	x.ExportFromTime, x.ExportToTime = tabledata.Stamp(r.From), tabledata.Stamp(r.To)
	return x
}

func (r *exportRun) complete(ctx context.Context, ended time.Time) error {
	err := r.end(ctx, func(tx *store.Tx, t *transfer) error {
		e := *r.export
		e.Status, e.Ended = string(api.ExportStatusCompleted), ended
		return r.s.closeExport(tx, t, &e)
	})
	if err == nil {
		r.s.log.Info("dynamodb: export completed", "export", exportARN(r.place(), r.held.ID), "items", r.Items, "bytes", r.Bytes)
	}
	return err
}

// endExport ends an export that failed.
func (h *held) endExport(ctx context.Context, code, message string) error {
	return lost(h.end(ctx, func(tx *store.Tx, t *transfer) error {
		e, err := loadTransfer[export](tx, t.place(), exporting, t.ID)
		if err != nil || e == nil {
			return err
		}
		e.Status, e.Ended, e.Code, e.Message = string(api.ExportStatusFailed), h.now().UTC(), code, message
		return h.s.closeExport(tx, t, e)
	}))
}

// closeExport puts an export's end on record, and has what was made for it removed.
func (s *Service) closeExport(tx *store.Tx, t *transfer, e *export) error {
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	for n := range t.Export.Files {
		if err := dir.Delete(exportFileKey(t.ID, n)); err != nil {
			return err
		}
	}
	gone := job{Kind: dropBackup, Table: e.Rows, Account: t.Account, Region: t.Region, Name: t.Name, Backup: &backing{ID: e.ID}}
	if err := addJob(tx, &gone); err != nil {
		return err
	}
	if e.incremental() {
		if err := s.unback(tx, t.place(), e.Table); err != nil {
			return err
		}
	}
	return saveTransfer(tx, t.place(), exporting, t.ID, e)
}
