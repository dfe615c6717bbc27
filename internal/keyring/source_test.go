package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func b64(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), KeySize)))
}

func open(t *testing.T, o Options) *Keyring {
	t.Helper()
	k, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestFileIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	if _, err := Open(t.Context(), Options{File: path}); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without Create: %v", err)
	}
	first := open(t, Options{File: path, Create: true})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 45 {
		t.Errorf("file: %v %v", info, err)
	}
	if again := open(t, Options{File: path, Create: true}); again.ID() != first.ID() {
		t.Error("a second start made another key")
	}
	if again := open(t, Options{File: path}); again.ID() != first.ID() {
		t.Error("a start without Create read another key")
	}
	if other := open(t, Options{File: path + "2", Create: true}); other.ID() == first.ID() {
		t.Error("two files hold the same key")
	}
	onlyFiles(t, filepath.Dir(path), "root.key", "root.key2")
}

func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the directory holds %v, not %v", got, want)
	}
}

func TestFileRefused(t *testing.T) {
	t.Parallel()
	write := func(content string, mode os.FileMode) func(string) error {
		return func(path string) error {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				return err
			}
			return os.Chmod(path, mode)
		}
	}
	for name, tc := range map[string]struct {
		put  func(path string) error
		want string
	}{
		"group readable": {write(b64('a'), 0o640), "mode 0640"},
		"world readable": {write(b64('a'), 0o604), "mode 0604"},
		"group writable": {write(b64('a'), 0o620), "mode 0620"},
		"empty":          {write("", 0o600), "holds no key"},
		"short":          {write(b64('a')[:43], 0o600), "key 1 is not the base64 form"},
		"long":           {write(b64('a')+"AAAA", 0o600), "key 1 is not the base64 form"},
		"raw":            {write(strings.Repeat("\x01", KeySize), 0o600), "key 1 is not the base64 form"},
		"second wrong":   {write(b64('a')+"\nxyz", 0o600), "key 2 is not the base64 form"},
		"huge":           {write(strings.Repeat(b64('a')+"\n", 100), 0o600), "bytes"},
		"too many":       {write(strings.Repeat(b64('a')+"\n", 17), 0o600), "holds 17 keys"},
		"twice":          {write(b64('a')+"\n"+b64('a'), 0o600), "two root keys"},
		"zeros":          {write(b64(0), 0o600), "all zeros"},
		"directory":      {func(p string) error { return os.Mkdir(p, 0o700) }, "not a regular file"},
		"symlink": {func(p string) error {
			if err := write(b64('a'), 0o600)(p + ".real"); err != nil {
				return err
			}
			return os.Symlink(p+".real", p)
		}, "not a regular file"},
		"dangling": {func(p string) error { return os.Symlink(p+".none", p) }, "not a regular file"},
	} {
		path := filepath.Join(t.TempDir(), "root.key")
		if err := tc.put(path); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Options{File: path, Create: true})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), b64('a')[:20]) {
			t.Errorf("%s: the error quotes the key", name)
		}
	}
}

func TestOwnerReadOnlyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(path, []byte(b64('a')+"\n"+b64('b')+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	k := open(t, Options{File: path})
	if want := ring(t, 'a', 'b').IDs(); strings.Join(k.IDs(), " ") != strings.Join(want, " ") {
		t.Errorf("roots %v, not %v", k.IDs(), want)
	}
}

// TestCrashWhileMaking stops before the key is written and before and after it gets its name.
func TestCrashWhileMaking(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"written", "linked"} {
		path := filepath.Join(t.TempDir(), "root.key")
		f := &fileSource{path: path, create: true, crash: func(at string) error {
			if at == point {
				return errCrash
			}
			return nil
		}}
		if _, err := f.Roots(t.Context()); !errors.Is(err, errCrash) {
			t.Fatalf("%s: %v", point, err)
		}
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s: a key file is there: %v", point, err)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".root.key.new-*"))
		if err != nil || point == "linked" && len(left) != 1 {
			t.Errorf("%s: left %v, %v", point, left, err)
		}
		first := open(t, Options{File: path, Create: true})
		if again := open(t, Options{File: path}); again.ID() != first.ID() {
			t.Errorf("%s: key changed", point)
		}
		onlyFiles(t, filepath.Dir(path), "root.key")
	}
}

// TestCrashAfterLink leaves a second name of the key, which the next start removes.
func TestCrashAfterLink(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	first := open(t, Options{File: path, Create: true})
	if err := os.Link(path, filepath.Join(filepath.Dir(path), ".root.key.new-123")); err != nil {
		t.Fatal(err)
	}
	if again := open(t, Options{File: path}); again.ID() != first.ID() {
		t.Error("key changed")
	}
	onlyFiles(t, filepath.Dir(path), "root.key")
}

func TestConcurrentFirstStarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			k, err := Open(context.Background(), Options{File: path, Create: true})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = k.ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("starts disagree: %v", ids)
			break
		}
	}
}

func TestEnv(t *testing.T) {
	t.Parallel()
	k := open(t, Options{Env: " " + b64('a') + "," + b64('b') + "\n", File: "/nonexistent/root.key"})
	if want := ring(t, 'a', 'b'); k.ID() != want.ID() || len(k.IDs()) != 2 {
		t.Errorf("roots %v", k.IDs())
	}
	for _, env := range []string{" ", "abc", b64('a')[1:], strings.TrimRight(b64('a'), "=")} {
		if _, err := Open(t.Context(), Options{Env: env}); err == nil || strings.Contains(err.Error(), "abc") {
			t.Errorf("%q: %v", env, err)
		}
	}
	if _, err := Open(t.Context(), Options{}); err == nil {
		t.Error("no options are a keyring")
	}
}

type source struct {
	roots []Material
	err   error
}

func (s *source) Roots(context.Context) ([]Material, error) { return s.roots, s.err }

func TestSource(t *testing.T) {
	t.Parallel()
	src := &source{roots: []Material{material(t, 1)}}
	k := open(t, Options{Source: src, Env: b64('a')})
	if k.ID() != ring(t, 1).ID() {
		t.Error("the source was not used")
	}
	if !src.roots[0].Equal(material(t, 0)) {
		t.Error("the root was not wiped")
	}
	src.err = errors.New("down")
	if _, err := Open(t.Context(), Options{Source: src}); !errors.Is(err, src.err) {
		t.Errorf("got %v", err)
	}
}
