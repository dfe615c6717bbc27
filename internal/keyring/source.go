package keyring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Options say where the root keys are. Exactly one of them is used: Source if set, else Env if set, else File.
type Options struct {
	// File is the path of the root key file: one base64 key (44 characters) a line, the current one first. It must be a
	// regular file that nobody but its owner can read.
	File string
	// Create makes the file, with a fresh key, if it is not there. Set it only where no data exists yet: data written
	// under a lost root key cannot be read under a new one.
	Create bool
	// Env is the value of the environment variable that holds the root keys in base64, separated by white space or
	// commas, the current one first.
	Env string
	// Source gets the keys from elsewhere.
	Source Source
}

// Open makes the keyring that the options describe.
func Open(ctx context.Context, o Options) (*Keyring, error) {
	src := o.Source
	switch {
	case src != nil:
	case o.Env != "":
		src = envSource(o.Env)
	case o.File != "":
		src = &fileSource{path: o.File, create: o.Create}
	default:
		return nil, errors.New("keyring: no root key: name a file, an environment variable or a source")
	}
	roots, err := src.Roots(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, m := range roots {
			m.Wipe()
		}
	}()
	return New(roots)
}

// parse reads base64 keys between separators. Its errors never quote the input.
func parse(text string) ([]Material, error) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	if len(fields) == 0 {
		return nil, errors.New("holds no key")
	}
	if len(fields) > maxRoots {
		return nil, fmt.Errorf("holds %d keys; at most %d are allowed", len(fields), maxRoots)
	}
	var roots []Material
	for i, f := range fields {
		raw, err := base64.StdEncoding.Strict().DecodeString(f)
		if err != nil || len(raw) != KeySize {
			return nil, fmt.Errorf("key %d is not the base64 form of %d bytes", i+1, KeySize)
		}
		m, err := NewMaterial(raw)
		clear(raw)
		if err != nil {
			return nil, err
		}
		roots = append(roots, m)
	}
	return roots, nil
}

// envSource is the value of an environment variable.
type envSource string

// Roots implements Source.
func (e envSource) Roots(context.Context) ([]Material, error) {
	roots, err := parse(string(e))
	if err != nil {
		return nil, fmt.Errorf("keyring: the root key in the environment %w", err)
	}
	return roots, nil
}

// fileSource is a root key file.
type fileSource struct {
	path   string
	create bool
	// crash, for tests, stops creation at a point.
	crash func(point string) error
}

// maxFile is more than maxRoots keys take.
const maxFile = 4096

// Roots implements Source.
func (f *fileSource) Roots(context.Context) ([]Material, error) {
	roots, err := f.load()
	if errors.Is(err, fs.ErrNotExist) && f.create {
		if err = f.make(); err == nil {
			roots, err = f.load()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: root key file %s: %w", f.path, err)
	}
	return roots, nil
}

func (f *fileSource) load() ([]Material, error) {
	named, err := os.Lstat(f.path)
	if err != nil {
		return nil, bare(err)
	}
	if !named.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, bare(err)
	}
	defer file.Close() //nolint:errcheck // read only
	info, err := file.Stat()
	if err != nil {
		return nil, bare(err)
	}
	switch {
	case !os.SameFile(named, info):
		return nil, errors.New("was replaced while it was opened")
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("has mode %04o: others than its owner could use it; set 0600", info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("has %d bytes; a root key file has at most %d", info.Size(), maxFile)
	}
	buf, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	defer clear(buf)
	if err != nil {
		return nil, bare(err)
	}
	if len(buf) > maxFile {
		return nil, fmt.Errorf("has more than %d bytes", maxFile)
	}
	roots, err := parse(string(buf))
	if err != nil {
		return nil, err
	}
	return roots, f.settle()
}

// make puts a fresh key in place. The name is linked to a file that is complete and synced, so there is never a partial
// key under it, and linking, unlike renaming, cannot replace a key that another process made meanwhile.
func (f *fileSource) make() error {
	tmp, err := os.CreateTemp(filepath.Dir(f.path), f.tempPattern())
	if err != nil {
		return bare(err)
	}
	err = f.fill(tmp)
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = f.at("linked")
	}
	if err == nil {
		err = os.Link(tmp.Name(), f.path)
	}
	if errors.Is(err, errCrash) {
		return err
	}
	if err != nil && f.exists() {
		err = nil // another process was first
	}
	if gone := os.Remove(tmp.Name()); err == nil && !errors.Is(gone, fs.ErrNotExist) {
		err = gone
	}
	if err != nil {
		return bare(err)
	}
	return syncDir(filepath.Dir(f.path))
}

func (f *fileSource) fill(tmp *os.File) error {
	var key [KeySize]byte
	defer clear(key[:])
	if _, err := rand.Read(key[:]); err != nil {
		return err
	}
	if err := tmp.Chmod(0o600); err != nil {
		return err
	}
	if err := f.at("written"); err != nil {
		return err
	}
	text := make([]byte, base64.StdEncoding.EncodedLen(KeySize)+1)
	defer clear(text)
	base64.StdEncoding.Encode(text, key[:])
	text[len(text)-1] = '\n'
	if _, err := tmp.Write(text); err != nil {
		return err
	}
	return tmp.Sync()
}

// settle finishes a creation that a crash interrupted: its temporary file may be a second name of the key, and the
// directory may not be synced. A process that is creating just now loses its temporary file, finds the key, and uses it.
func (f *fileSource) settle() error {
	left, err := filepath.Glob(filepath.Join(escapeGlob(filepath.Dir(f.path)), escapeGlob(f.tempPrefix())+"*"))
	if err != nil || len(left) == 0 {
		return err
	}
	if err := syncDir(filepath.Dir(f.path)); err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return bare(err)
		}
	}
	return syncDir(filepath.Dir(f.path))
}

func (f *fileSource) tempPrefix() string  { return "." + filepath.Base(f.path) + ".new-" }
func (f *fileSource) tempPattern() string { return f.tempPrefix() + "*" }

func (f *fileSource) exists() bool {
	_, err := os.Lstat(f.path)
	return err == nil
}

// errCrash is what tests return from the crash hook: everything stays as it is.
var errCrash = errors.New("crash")

func (f *fileSource) at(point string) error {
	if f.crash == nil {
		return nil
	}
	return f.crash(point)
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return bare(err)
	}
	err = d.Sync()
	if closed := d.Close(); err == nil {
		err = closed
	}
	return bare(err)
}

// bare drops the path that os errors repeat.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
