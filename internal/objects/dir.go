package objects

import (
	"context"
	"crypto/md5" //nolint:gosec // what S3 calls an object's ETag, no protection
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// partsFolder is where a bucket's files are while they are written.
const partsFolder = ".bulkhead-parts"

// staleAfter is how old a file in partsFolder is that nobody writes any more.
const staleAfter = 24 * time.Hour

var accountPattern = regexp.MustCompile(`^[0-9]{12}$`)

// Dir keeps the object with a key in the file DIR/ACCOUNT/BUCKET/KEY. A bucket exists when its folder does: operators make it. No path
// leads out of a bucket (os.Root), and symbolic links are refused.
type Dir struct{ root *os.Root }

var _ Store = (*Dir)(nil)

// OpenDir opens the directory, and makes it if it is not there.
func OpenDir(name string) (*Dir, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, fmt.Errorf("objects: make the directory: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("objects: open the directory: %w", err)
	}
	return &Dir{root}, nil
}

// Close gives the directory back.
func (d *Dir) Close() error { return d.root.Close() }

// Holder implements Store: each account has buckets of its own.
func (*Dir) Holder(_, caller, owner string) string {
	if owner != "" {
		return owner
	}
	return caller
}

// Encrypts implements Store.
func (*Dir) Encrypts() bool { return false }

// bucket opens a bucket's folder.
func (d *Dir) bucket(b Bucket) (*os.Root, error) {
	if err := CheckBucket(b.Name); err != nil || !accountPattern.MatchString(b.Account) {
		return nil, noBucket(err)
	}
	if err := straight(d.root, b.Account+"/"+b.Name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, noBucket(nil)
		}
		return nil, failed(err)
	}
	root, err := d.root.OpenRoot(b.Account + "/" + b.Name)
	if err != nil {
		return nil, noBucket(err)
	}
	return root, nil
}

// straight refuses paths that go through symbolic links.
func straight(root *os.Root, name string) error {
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		info, err := root.Lstat(name[:i])
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return refused("%q is a symbolic link", name[:i])
		}
	}
	return nil
}

// failed says what a failure of the file system means.
func failed(err error) error {
	var known *Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return &Error{NoSpace, "There is no space left where objects are kept", err}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return denied(err)
	case errors.Is(err, fs.ErrNotExist):
		return &Error{NoSuchKey, "The specified key does not exist.", err}
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EEXIST):
		return &Error{Invalid, "A key is a file and cannot be a folder of others too", err}
	}
	return fmt.Errorf("objects: %w", err)
}

// Put implements Store. The file has its name only when it is whole and synced.
func (d *Dir) Put(ctx context.Context, b Bucket, key string, body io.Reader, e Encryption) (string, error) {
	if e != (Encryption{}) {
		return "", refused("a directory does not encrypt objects")
	}
	if err := CheckKey(key); err != nil {
		return "", refused("%v", err)
	}
	root, err := d.bucket(b)
	if err != nil {
		return "", err
	}
	defer root.Close() //nolint:errcheck // only names were looked up by it
	part, etag, err := writePart(ctx, root, body)
	if err != nil {
		return "", failed(err)
	}
	if err := place(root, part, key); err != nil {
		if left := root.Remove(part); !errors.Is(left, fs.ErrNotExist) { // it has its name by now, if that could not be synced
			err = errors.Join(err, left)
		}
		return "", failed(err)
	}
	return etag, nil
}

// writePart writes a file that has no name of its own yet.
func writePart(ctx context.Context, root *os.Root, body io.Reader) (part, etag string, err error) {
	if err := root.Mkdir(partsFolder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", "", err
	}
	if err := straight(root, partsFolder); err != nil {
		return "", "", err
	}
	if err := sweep(root); err != nil {
		return "", "", err
	}
	part = partsFolder + "/" + rand.Text()
	f, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", "", err
	}
	sum := md5.New() //nolint:gosec // see the import
	_, err = io.Copy(io.MultiWriter(f, sum), &cancelled{ctx, body})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", "", errors.Join(err, root.Remove(part))
	}
	return part, hex.EncodeToString(sum.Sum(nil)), nil
}

// cancelled stops a copy when its context ends.
type cancelled struct {
	ctx context.Context //nolint:containedctx // it is that of one call
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// place gives a file the name of its key.
func place(root *os.Root, part, key string) error {
	folder := path.Dir(key)
	if err := straight(root, folder); err != nil && !errors.Is(err, fs.ErrNotExist) { // before one is told as a failure that may pass
		return err
	}
	if err := root.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := straight(root, folder); err != nil {
		return err
	}
	if info, err := root.Lstat(key); err == nil && !info.Mode().IsRegular() {
		return refused("%q is not a file", key)
	}
	if err := root.Rename(part, key); err != nil {
		return err
	}
	for at := folder; ; at = path.Dir(at) { // folders may be new too
		if err := syncFolder(root, at); err != nil || at == "." {
			return err
		}
	}
}

func syncFolder(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// sweep removes files that were being written when a server ended.
func sweep(root *os.Root) error {
	f, err := root.Open(partsFolder)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	entries, err := f.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < staleAfter {
			continue // gone meanwhile, or being written
		}
		if err := root.Remove(partsFolder + "/" + e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Get implements Store. Who writes into a file instead of renaming another to its place may change it while it is read.
func (d *Dir) Get(_ context.Context, b Bucket, key, etag string) (io.ReadCloser, error) {
	if err := CheckKey(key); err != nil {
		return nil, refused("%v", err)
	}
	root, err := d.bucket(b)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // only names were looked up by it
	if err := straight(root, key); err != nil {
		return nil, failed(err)
	}
	if info, err := root.Lstat(key); err != nil || !info.Mode().IsRegular() { // a pipe would wait for ever when it is opened
		return nil, failed(errors.Join(err, refused("%q is not a file", key)))
	}
	f, err := root.Open(key)
	if err != nil {
		return nil, failed(err)
	}
	p := &pinned{f, key, etag}
	if err := p.check(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// pinned is a file that is to be the same from the list to its end.
type pinned struct {
	file      *os.File
	key, etag string
}

func (p *pinned) check() error {
	info, err := p.file.Stat()
	switch {
	case err != nil:
		return failed(err)
	case p.etag != "" && p.etag != etagOf(info):
		return changed(p.key, nil)
	}
	return nil
}

// Read implements io.Reader.
func (p *pinned) Read(b []byte) (int, error) {
	n, err := p.file.Read(b)
	if errors.Is(err, io.EOF) {
		if is := p.check(); is != nil {
			err = is
		}
	}
	return n, err
}

// Close implements io.Closer.
func (p *pinned) Close() error { return p.file.Close() }

// etagOf tells one content of a file from another: by when it was written and how long it is.
func etagOf(info fs.FileInfo) string {
	return fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size())
}

// List implements Store.
func (d *Dir) List(ctx context.Context, b Bucket, prefix string, limit int) ([]Object, error) {
	root, err := d.bucket(b)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // only names were looked up by it
	folder := "."
	if at := strings.LastIndexByte(prefix, '/'); at > 0 {
		if folder = prefix[:at]; CheckKey(folder) != nil {
			return nil, nil // no key is like that
		}
		if err := straight(root, folder); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, failed(err)
		}
	}
	w := walk{prefix: prefix, limit: limit}
	err = fs.WalkDir(root.FS(), folder, func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		return w.visit(name, e)
	})
	if err != nil {
		return nil, failed(err)
	}
	slices.SortFunc(w.found, byKey)
	return w.found, nil
}

// walk gathers the files with a prefix.
type walk struct {
	prefix string
	limit  int
	found  []Object
}

func (w *walk) visit(name string, e fs.DirEntry) error {
	within := strings.HasPrefix(name, w.prefix)
	switch {
	case name == ".":
		return nil
	case e.IsDir() && (name == partsFolder || !within && !strings.HasPrefix(w.prefix, name+"/")):
		return fs.SkipDir
	case e.IsDir() || !within:
		return nil
	case !e.Type().IsRegular():
		return refused("%q is not a file", name)
	case len(w.found) == w.limit:
		return errTooMany(w.limit)
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	w.found = append(w.found, Object{name, info.Size(), etagOf(info)})
	return nil
}
