package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/kvcopy"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
	"github.com/bulkhead/bulkhead/service/bulkhead"
)

// checkpointDir is where checkpoints are in the data directory.
const checkpointDir = "checkpoints"

// checkpoint leaves a copy of the embedded store in the data directory.
func (a *App) checkpoint(ctx context.Context) (string, error) {
	from, ok := a.backend.(kv.Checkpointer)
	if !ok {
		return "", bulkhead.ErrNoCheckpoint
	}
	if err := os.MkdirAll(filepath.Join(a.config.Data, checkpointDir), 0o700); err != nil {
		return "", fmt.Errorf("make the directory of checkpoints: %w", err)
	}
	var id [8]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	name := hex.EncodeToString(id[:])
	return name, from.Checkpoint(ctx, filepath.Join(a.config.Data, checkpointDir, name))
}

// StoreCopy copies the embedded store of a data directory to another store, while a server may be using it.
type StoreCopy struct {
	// Config names the data directory. To is the store to copy to, a postgres:// URL.
	Config Config
	To     string
	// Checkpoint asks the server for a checkpoint and returns its name; nil if no server runs.
	Checkpoint func(ctx context.Context) (string, error)
	// Stop is called when all but the latest changes are copied: it returns when the server has stopped.
	Stop func(ctx context.Context) error
	// Progress is told of each step: what it does, how many pairs are done, and of how many (0 if unknown).
	Progress func(step string, done, total int64)
}

// enough is how few changes between two checkpoints are left for the time when the server is stopped.
const enough = 1000

// maxRounds bounds the checkpoints: a store that changes faster than it is copied is stopped at last.
const maxRounds = 8

// Run copies. When it returns nil the copy is complete, and verified pair by pair. It can be interrupted at any point and run
// again. It returns how many pairs there are.
func (s *StoreCopy) Run(ctx context.Context) (pairs int64, err error) {
	log := slog.New(slog.DiscardHandler)
	dst, err := OpenStore(ctx, &Config{Store: s.To}, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	st, err := kvcopy.Load(ctx, dst)
	if err != nil {
		return 0, err
	}
	if st == nil || !s.has(st.From) {
		if st != nil && st.Copied {
			return 0, fmt.Errorf("the checkpoint %s is gone that the copy in %s was made of: empty that store and begin again", st.From, redact(s.To))
		}
		st = &kvcopy.State{}
	}
	if s.Checkpoint != nil {
		if err := s.online(ctx, dst, st); err != nil {
			return 0, err
		}
		if err := s.Stop(ctx); err != nil {
			return 0, err
		}
	}
	return s.offline(ctx, dst, st)
}

func (s *StoreCopy) dir(name string) string { return filepath.Join(s.Config.Data, checkpointDir, name) }

func (s *StoreCopy) has(name string) bool {
	if name == "" {
		return false
	}
	_, err := os.Stat(s.dir(name))
	return err == nil
}

func (s *StoreCopy) open(dir string) (kv.DB, error) {
	return pebblekv.Open(dir, pebblekv.Options{Logger: slog.New(slog.DiscardHandler)})
}

// online copies a checkpoint, and then what is different in newer ones, until that is little.
func (s *StoreCopy) online(ctx context.Context, dst kv.DB, st *kvcopy.State) error {
	if st.From == "" {
		name, err := s.Checkpoint(ctx)
		if err != nil {
			return err
		}
		st.From = name
	}
	if err := s.base(ctx, dst, st); err != nil {
		return err
	}
	for range maxRounds {
		if st.To == "" || !s.has(st.To) {
			name, err := s.Checkpoint(ctx)
			if err != nil {
				return err
			}
			st.To, st.After = name, nil
		}
		changed, err := s.changes(ctx, s.dir(st.To), dst, st)
		if err != nil || changed <= enough {
			return err
		}
	}
	return nil
}

// base copies all pairs of the first checkpoint.
func (s *StoreCopy) base(ctx context.Context, dst kv.DB, st *kvcopy.State) (err error) {
	if st.Copied {
		return nil
	}
	src, err := s.open(s.dir(st.From))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	total, err := kvcopy.Count(ctx, src)
	if err != nil {
		return err
	}
	return kvcopy.Copy(ctx, src, dst, st, func(n int64) { s.Progress("copying", n, total) })
}

// changes applies what is different in the store in dir, and forgets the checkpoint before it.
func (s *StoreCopy) changes(ctx context.Context, dir string, dst kv.DB, st *kvcopy.State) (changed int64, err error) {
	was := st.From
	old, err := s.open(s.dir(was))
	if err != nil {
		return 0, err
	}
	cur, err := s.open(dir)
	if err != nil {
		return 0, errors.Join(err, old.Close())
	}
	changed, err = kvcopy.Changes(ctx, old, cur, dst, st, func(n int64) { s.Progress("catching up", n, 0) })
	err = errors.Join(err, cur.Close(), old.Close())
	if err != nil {
		return 0, err
	}
	return changed, os.RemoveAll(s.dir(was))
}

// offline copies the rest of the store that nobody uses any more, compares all of it with the copy, and retires it: a server
// that was started on it again would write what the copy never gets.
func (s *StoreCopy) offline(ctx context.Context, dst kv.DB, st *kvcopy.State) (pairs int64, err error) {
	a := &App{config: s.Config, log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, a.Close(context.WithoutCancel(ctx))) }()
	if err := a.lockData(); err != nil {
		return 0, err
	}
	live := filepath.Join(s.Config.Data, embeddedDir)
	if err := s.rest(ctx, live, dst, st); err != nil {
		return 0, err
	}
	src, err := s.open(live)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if pairs, err = kvcopy.Verify(ctx, src, dst, func(n int64) { s.Progress("verifying", n, 0) }); err != nil {
		return 0, err
	}
	if err := kvcopy.Retire(ctx, src, redact(s.To)); err != nil {
		return 0, err
	}
	return pairs, kvcopy.Finish(ctx, dst)
}

func (s *StoreCopy) rest(ctx context.Context, live string, dst kv.DB, st *kvcopy.State) error {
	if st.Copied {
		_, err := s.changes(ctx, live, dst, st)
		return err
	}
	src, err := s.open(live)
	if err != nil {
		return err
	}
	total, err := kvcopy.Count(ctx, src)
	if err == nil {
		err = kvcopy.Copy(ctx, src, dst, st, func(n int64) { s.Progress("copying", n, total) })
	}
	return errors.Join(err, src.Close())
}

// redact leaves out what follows the scheme of a URL up to the host: a password may be in it.
func redact(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	if _, host, ok := strings.Cut(rest, "@"); ok {
		rest = host
	}
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + rest
}

// refuseCopies refuses to serve a store that is a copy under way, or one that was copied to another and is retired.
func refuseCopies(ctx context.Context, db kv.DB) error {
	to, err := kvcopy.RetiredTo(ctx, db)
	if err != nil {
		return err
	}
	if to != "" {
		return fmt.Errorf("this store was copied to %s, which holds all of it: start the server with --store and that URL", to)
	}
	under, err := kvcopy.UnderWay(ctx, db)
	if err != nil {
		return err
	}
	if under {
		return errors.New("a copy into this store is under way: let 'bulkhead store copy' finish first")
	}
	return nil
}
