package objects_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/awsclient"
	"github.com/bulkhead/bulkhead/internal/objects"
	"github.com/bulkhead/bulkhead/internal/objects/objectstest"
)

const account = "111111111111"

var bucket = objects.Bucket{Account: account, Name: "files"}

// stores are both kinds, each with the bucket.
func stores(t *testing.T) map[string]objects.Store {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, account, bucket.Name), 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := objects.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return map[string]objects.Store{"dir": d, "s3": outside(t, objectstest.New(t, bucket.Name))}
}

func outside(t *testing.T, s *objectstest.S3) *objects.S3 {
	t.Helper()
	c, err := objects.NewS3(t.Context(), objects.S3Config{
		Endpoint: awsclient.Endpoint{URL: s.URL, Region: "eu-central-1", AccessKeyID: "AKIDSTORAGE", SecretAccessKey: "secret-of-the-storage"},
		Account:  account, Buckets: map[string]string{"theirs": "222222222222"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func code(err error) string {
	var e *objects.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func put(t *testing.T, s objects.Store, key, content string) string {
	t.Helper()
	etag, err := s.Put(t.Context(), bucket, key, strings.NewReader(content), objects.Encryption{})
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

func get(t *testing.T, s objects.Store, key string) string {
	t.Helper()
	r, err := s.Get(t.Context(), bucket, key, "")
	if err != nil {
		return code(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func keys(t *testing.T, s objects.Store, prefix string) string {
	t.Helper()
	found, err := s.List(t.Context(), bucket, prefix, 10)
	if err != nil {
		return code(err)
	}
	var all []string
	for _, o := range found {
		if o.ETag == "" {
			t.Errorf("%s has no ETag", o.Key)
		}
		all = append(all, fmt.Sprintf("%s:%d", o.Key, o.Size))
	}
	return strings.Join(all, " ")
}

// Both kinds of storage behave alike.
func TestStores(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if etag := put(t, s, "a/b", "one"); etag != "f97c5d29941bfb1b2fdab0874906ab82" {
				t.Errorf("etag %q", etag)
			}
			put(t, s, "a/b", "three")
			put(t, s, "a-b", "2")
			put(t, s, "a/c/d", "")
			put(t, s, "b", "x")
			if got := get(t, s, "a/b"); got != "three" {
				t.Errorf("got %q", got)
			}
			for prefix, want := range map[string]string{
				"": "a-b:1 a/b:5 a/c/d:0 b:1", "a": "a-b:1 a/b:5 a/c/d:0", "a/": "a/b:5 a/c/d:0", "a/c": "a/c/d:0", "a/b": "a/b:5", "z": "", "../": "", "a/../": "", "none/x": "",
			} {
				if got := keys(t, s, prefix); got != want {
					t.Errorf("under %q: %q, want %q", prefix, got, want)
				}
			}
			if _, err := s.List(t.Context(), bucket, "", 3); code(err) != objects.Invalid {
				t.Errorf("more than the limit: %v", err)
			}
			if got := get(t, s, "none"); got != objects.NoSuchKey {
				t.Error(got)
			}
			for _, b := range []objects.Bucket{{Account: account, Name: "other"}, {Account: account, Name: ".."}, {Account: account, Name: ""}} {
				_, err := s.Put(t.Context(), b, "k", strings.NewReader(""), objects.Encryption{})
				_, getErr := s.Get(t.Context(), b, "k", "")
				_, listErr := s.List(t.Context(), b, "", 1)
				for _, err := range []error{err, getErr, listErr} {
					if code(err) != objects.NoSuchBucket {
						t.Errorf("%q: %v", b.Name, err)
					}
				}
			}
			for _, key := range []string{"", "/", "/x", "x/", "a//b", ".", "..", "../x", "a/../../x", "a/./b", `a\b`, "a\x00b", "a\nb", "\xff", strings.Repeat("x", 1025), strings.Repeat("y", 256), ".bulkhead-parts/x"} {
				if _, err := s.Put(t.Context(), bucket, key, strings.NewReader(""), objects.Encryption{}); code(err) != objects.Invalid {
					t.Errorf("put %q: %v", key, err)
				}
				if _, err := s.Get(t.Context(), bucket, key, ""); code(err) != objects.Invalid {
					t.Errorf("get %q: %v", key, err)
				}
			}
		})
	}
}

// An object is read as the one that was listed, or not at all: another in its place is none, however it came there.
func TestGetOfWhatWasListed(t *testing.T) {
	t.Parallel()
	all := stores(t)
	old, bare := objectstest.New(t, bucket.Name), objectstest.New(t, bucket.Name)
	old.Old, bare.Bare = true, true
	all["old s3"], all["bare s3"] = outside(t, old), outside(t, bare)
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			put(t, s, "k", "listed")
			found, err := s.List(t.Context(), bucket, "", 10)
			if err != nil || len(found) != 1 {
				t.Fatalf("%v %v", found, err)
			}
			read := func() string {
				r, err := s.Get(t.Context(), bucket, "k", found[0].ETag)
				if err != nil {
					return code(err)
				}
				b, err := io.ReadAll(r)
				if err := errors.Join(err, r.Close()); err != nil {
					return code(err)
				}
				return string(b)
			}
			if got := read(); got != "listed" {
				t.Errorf("the object that was listed: %s", got)
			}
			put(t, s, "k", "another")
			if got := read(); got != objects.Changed {
				t.Errorf("another in its place: %s", got)
			}
			if got := get(t, s, "k"); got != "another" {
				t.Errorf("whichever is there: %s", got)
			}
		})
	}
}

// Who goes on where a list was left counts on the order of its keys, which not every storage has.
func TestListIsInOrder(t *testing.T) {
	t.Parallel()
	peer := objectstest.New(t, bucket.Name)
	peer.Backwards = true
	s := outside(t, peer)
	for _, k := range []string{"b", "d", "a", "c", "e"} {
		put(t, s, k, k)
	}
	if got := keys(t, s, ""); got != "a:1 b:1 c:1 d:1 e:1" {
		t.Errorf("listed: %s", got)
	}
}

// A file that is written into while it is read is one object at its beginning and another at its end.
func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	at, s := openDir(t)
	put(t, s, "k", "listed")
	found, err := s.List(t.Context(), bucket, "", 10)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	r, err := s.Get(t.Context(), bucket, "k", found[0].ETag)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it is only read
	b := make([]byte, 3)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "k"), []byte("listening"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); code(err) != objects.Changed {
		t.Errorf("read to its end: %q %v", rest, err)
	}
}

// An object that is not written to its end is none, and the one before stays.
func TestPutIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			put(t, s, "k", "before")
			broken := io.MultiReader(bytes.NewReader(make([]byte, 20<<20)), failing{errors.New("broken")})
			if _, err := s.Put(t.Context(), bucket, "k", broken, objects.Encryption{}); err == nil {
				t.Error("nothing failed")
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := s.Put(ctx, bucket, "k", strings.NewReader("x"), objects.Encryption{}); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			if got := get(t, s, "k"); got != "before" {
				t.Errorf("got %d bytes", len(got))
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func openDir(t *testing.T) (string, *objects.Dir) {
	t.Helper()
	dir := t.TempDir()
	s, err := objects.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	at := filepath.Join(dir, account, bucket.Name)
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	return at, s
}

func TestDirRefusesLinksAndPipes(t *testing.T) {
	t.Parallel()
	at, s := openDir(t)
	outside := t.TempDir()
	if err := errors.Join(
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600),
		os.Symlink(outside, filepath.Join(at, "away")),
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(at, "file")),
		os.WriteFile(filepath.Join(at, "here"), nil, 0o600),
		os.Symlink("here", filepath.Join(at, "within")),
		os.Symlink(at, filepath.Join(filepath.Dir(at), "linked")),
		syscall.Mkfifo(filepath.Join(at, "pipe"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"away/secret", "file", "within", "pipe"} {
		if got := get(t, s, key); got != objects.Invalid {
			t.Errorf("get %s: %s", key, got)
		}
	}
	for _, key := range []string{"away/secret", "away/deep/secret", "file", "file/deep/secret", "within", "within/x", "pipe", "pipe/x"} {
		if _, err := s.Put(t.Context(), bucket, key, strings.NewReader("x"), objects.Encryption{}); code(err) != objects.Invalid {
			t.Errorf("put %s: %v", key, err)
		}
	}
	if got := keys(t, s, ""); got != objects.Invalid {
		t.Errorf("list: %s", got)
	}
	if _, err := s.Get(t.Context(), objects.Bucket{Account: account, Name: "linked"}, "here", ""); err == nil {
		t.Error("a bucket that is a link")
	}
	for _, a := range []string{"", "..", "222222222222", "11111111111"} {
		if _, err := s.Get(t.Context(), objects.Bucket{Account: a, Name: bucket.Name}, "here", ""); code(err) != objects.NoSuchBucket {
			t.Errorf("account %q: %v", a, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(outside, "secret")); string(b) != "secret" {
		t.Errorf("%q %v", b, err)
	}
}

func TestDirFiles(t *testing.T) {
	t.Parallel()
	at, s := openDir(t)
	put(t, s, "a/b", "x")
	for name, want := range map[string]os.FileMode{"a": 0o700 | os.ModeDir, "a/b": 0o600} {
		if info, err := os.Stat(filepath.Join(at, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	for _, key := range []string{"a", "a/b/c"} {
		if _, err := s.Put(t.Context(), bucket, key, strings.NewReader("x"), objects.Encryption{}); code(err) != objects.Invalid {
			t.Errorf("%s: %v", key, err)
		}
	}
	parts := filepath.Join(at, ".bulkhead-parts")
	old := filepath.Join(parts, "left")
	long := time.Now().Add(-48 * time.Hour)
	if err := errors.Join(os.WriteFile(old, []byte("x"), 0o600), os.Chtimes(old, long, long)); err != nil {
		t.Fatal(err)
	}
	put(t, s, "c", "x")
	if left, err := os.ReadDir(parts); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	full := failing{fmt.Errorf("write: %w", syscall.ENOSPC)}
	if _, err := s.Put(t.Context(), bucket, "d", full, objects.Encryption{}); code(err) != objects.NoSpace {
		t.Errorf("no space: %v", err)
	}
	if _, err := s.Put(t.Context(), bucket, "d", strings.NewReader(""), objects.Encryption{Algorithm: "AES256"}); code(err) != objects.Invalid {
		t.Errorf("encryption: %v", err)
	}
}

// Large objects go in parts; what was begun and failed is aborted; what the request says is passed on.
func TestS3Requests(t *testing.T) {
	t.Parallel()
	far := objectstest.New(t, bucket.Name)
	far.Owner = "333333333333"
	s := outside(t, far)
	large := strings.Repeat("0123456789abcdef", 3<<16) + "end" // 3 MB
	large = strings.Repeat(large, 7)
	b := bucket
	b.Owner = far.Owner
	if _, err := s.Put(t.Context(), b, "large", strings.NewReader(large), objects.Encryption{Algorithm: "KMS", KeyID: "key-1"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := far.Object(bucket.Name, "large"); string(got) != large {
		t.Errorf("%d bytes, want %d", len(got), len(large))
	}
	owners, encrypted := 0, false
	for _, h := range far.Headers() {
		if h.Get("X-Amz-Expected-Bucket-Owner") == far.Owner {
			owners++
		}
		encrypted = encrypted || h.Get("X-Amz-Server-Side-Encryption") == "aws:kms" && h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") == "key-1"
	}
	if owners != len(far.Headers()) || owners < 4 || !encrypted {
		t.Errorf("%d of %d requests name the owner; encrypted %t", owners, len(far.Headers()), encrypted)
	}
	if _, err := s.Put(t.Context(), bucket, "broken", io.MultiReader(strings.NewReader(large), failing{errors.New("broken")}), objects.Encryption{}); err == nil {
		t.Error("nothing failed")
	}
	if n := far.Uploads(); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	b.Owner = "444444444444"
	if _, err := s.Get(t.Context(), b, "large", ""); code(err) != objects.AccessDenied {
		t.Errorf("another owner: %v", err)
	}
	theirs := objects.Bucket{Account: account, Name: "theirs"}
	if _, err := s.Get(t.Context(), theirs, "x", ""); code(err) != objects.AccessDenied {
		t.Errorf("another account's bucket: %v", err)
	}
	if got := s.Holder("theirs", account, account) + s.Holder("files", "999999999999", ""); got != "222222222222"+account {
		t.Errorf("holders: %s", got)
	}
}

// What may pass is no *Error, and a redirect leads nowhere.
func TestS3Errors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status     int
		name, want string
	}{
		{http.StatusForbidden, "AccessDenied", objects.AccessDenied}, {http.StatusForbidden, "SignatureDoesNotMatch", objects.AccessDenied},
		{http.StatusInsufficientStorage, "XMinioStorageFull", objects.NoSpace}, {http.StatusBadRequest, "InvalidArgument", objects.Invalid},
		{http.StatusNotFound, "NoSuchBucket", objects.NoSuchBucket}, {http.StatusInternalServerError, "InternalError", ""}, {http.StatusServiceUnavailable, "SlowDown", ""},
		{http.StatusTemporaryRedirect, "TemporaryRedirect", ""},
	} {
		far := objectstest.New(t, bucket.Name)
		far.Fail = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			objectstest.Answer(w, c.status, c.name)
			return true
		}
		_, err := outside(t, far).List(t.Context(), bucket, "", 1)
		var known *objects.Error
		if errors.As(err, &known) != (c.want != "") || known != nil && known.Code != c.want || err == nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret-of-the-storage") {
			t.Errorf("%s shows the secret", c.name)
		}
	}
}
