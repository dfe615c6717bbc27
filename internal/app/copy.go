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
// again, with a server that runs or without. It returns how many pairs there are.
func (s *StoreCopy) Run(ctx context.Context) (pairs int64, err error) {
	if err := s.servable(ctx); err != nil {
		return 0, err
	}
	dst, err := OpenStore(ctx, &Config{Store: s.To}, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	st, err := kvcopy.Begin(ctx, dst)
	if err != nil {
		return 0, err
	}
	s.forgetGone(st)
	if err := s.removeOthers(st); err != nil {
		return 0, err
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

// servable refuses a store that is not there, and one that was copied elsewhere: what was served since is there only. One that was
// retired for this copy, which was then interrupted, is let pass. A server that runs has looked itself.
func (s *StoreCopy) servable(ctx context.Context) (err error) {
	live := filepath.Join(s.Config.Data, embeddedDir)
	if _, err := os.Stat(live); err != nil {
		return fmt.Errorf("there is no embedded store to copy: %w", err)
	}
	if InUse(s.Config.Data) {
		return nil
	}
	src, err := s.open(live)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	to, err := kvcopy.RetiredTo(ctx, src)
	if err != nil || to == "" {
		return err
	}
	if to == redact(s.To) {
		under, err := s.underWay(ctx)
		if err != nil {
			return err
		}
		if under {
			s.Checkpoint = nil // no server starts on a retired store
			return nil
		}
	}
	return errRetired(to)
}

// underWay reports whether a copy into the target is under way.
func (s *StoreCopy) underWay(ctx context.Context) (under bool, err error) {
	dst, err := OpenStore(ctx, &Config{Store: s.To}, slog.New(slog.DiscardHandler))
	if err != nil {
		return false, err
	}
	under, err = kvcopy.UnderWay(ctx, dst)
	return under, errors.Join(err, dst.Close())
}

func (s *StoreCopy) dir(name string) string { return filepath.Join(s.Config.Data, checkpointDir, name) }

func (s *StoreCopy) has(name string) bool {
	if name == "" {
		return false
	}
	_, err := os.Stat(s.dir(name))
	return err == nil
}

// forgetGone adapts a state to checkpoints that were removed meanwhile: what they held is found out by comparing the copy itself.
func (s *StoreCopy) forgetGone(st *kvcopy.State) {
	if st.Next != "" && !s.has(st.Next) { // some of it is in the copy
		*st = kvcopy.State{}
	}
	if !s.has(st.Holds) {
		st.Holds = ""
	}
}

// removeOthers removes checkpoints that the copy knows nothing of: a run that was interrupted while one was made, or before that was
// noted, leaves it.
func (s *StoreCopy) removeOthers(st *kvcopy.State) error {
	all, err := os.ReadDir(filepath.Join(s.Config.Data, checkpointDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look for checkpoints: %w", err)
	}
	for _, e := range all {
		if name := e.Name(); name != st.Holds && name != st.Next {
			if err := os.RemoveAll(s.dir(name)); err != nil {
				return fmt.Errorf("remove a checkpoint that was left: %w", err)
			}
		}
	}
	return nil
}

func (s *StoreCopy) open(dir string) (kv.DB, error) {
	return pebblekv.Open(dir, pebblekv.Options{Logger: slog.New(slog.DiscardHandler)})
}

// online copies a checkpoint, and then what is different in newer ones, until that is little.
func (s *StoreCopy) online(ctx context.Context, dst kv.DB, st *kvcopy.State) error {
	for range maxRounds {
		first := st.Holds == ""
		changed, err := s.step(ctx, dst, st, s.Checkpoint)
		if err != nil || !first && changed <= enough {
			return err
		}
	}
	return nil
}

// step applies one checkpoint, that of an interrupted step or a new one, and removes the one before it.
func (s *StoreCopy) step(ctx context.Context, dst kv.DB, st *kvcopy.State, take func(context.Context) (string, error)) (changed int64, err error) {
	if st.Next == "" {
		if st.Next, err = take(ctx); err != nil {
			return 0, err
		}
		if err := kvcopy.Save(ctx, dst, st); err != nil {
			return 0, err
		}
	}
	held := st.Holds
	next, err := s.open(s.dir(st.Next))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, next.Close()) }()
	if held == "" {
		total, err := kvcopy.Count(ctx, next)
		if err != nil {
			return 0, err
		}
		return kvcopy.Apply(ctx, nil, next, dst, st, func(n int64) { s.Progress("copying", n, total) })
	}
	holds, err := s.open(s.dir(held))
	if err != nil {
		return 0, err
	}
	total := st.Total
	changed, err = kvcopy.Apply(ctx, holds, next, dst, st, func(n int64) { s.Progress("catching up", n, total) })
	if err = errors.Join(err, holds.Close()); err != nil {
		return 0, err
	}
	return changed, os.RemoveAll(s.dir(held))
}

// offline copies the rest of the store that nobody uses any more, compares all of it with the copy, and retires it: a server
// that was started on it again would write what the copy never gets.
func (s *StoreCopy) offline(ctx context.Context, dst kv.DB, st *kvcopy.State) (pairs int64, err error) {
	a := &App{config: s.Config, log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, a.Close(context.WithoutCancel(ctx))) }()
	if err := a.lockData(); err != nil {
		return 0, err
	}
	if a.backend, err = s.open(filepath.Join(s.Config.Data, embeddedDir)); err != nil {
		return 0, err
	}
	a.onClose(func(context.Context) error { return a.backend.Close() })
	// A step is between checkpoints, so one that was interrupted is finished first; the store has changed since.
	if st.Next != "" {
		if _, err := s.step(ctx, dst, st, a.checkpoint); err != nil {
			return 0, err
		}
	}
	if _, err := s.step(ctx, dst, st, a.checkpoint); err != nil {
		return 0, err
	}
	total := st.Total
	if pairs, err = kvcopy.Verify(ctx, a.backend, dst, func(n int64) { s.Progress("verifying", n, total) }); err != nil {
		return 0, err
	}
	// In this order: at no time may both be served.
	if err := kvcopy.Retire(ctx, a.backend, redact(s.To)); err != nil {
		return 0, err
	}
	if err := kvcopy.Finish(ctx, dst); err != nil {
		return 0, err
	}
	return pairs, os.RemoveAll(s.dir(st.Holds))
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

func errRetired(to string) error {
	return fmt.Errorf("this store was copied to %s, which holds all of it: start the server with --store and that URL", to)
}

// refuseCopies refuses to serve a store that is a copy under way, or one that was copied to another and is retired.
func refuseCopies(ctx context.Context, db kv.DB) error {
	to, err := kvcopy.RetiredTo(ctx, db)
	if err != nil {
		return err
	}
	if to != "" {
		return errRetired(to)
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
