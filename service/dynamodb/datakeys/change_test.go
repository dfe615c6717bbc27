package datakeys

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// openKMS is a KMS whose blobs are the plaintext after a mark, for keys that can be used unless it is locked.
type openKMS struct{ locked bool }

var (
	mark      = []byte("under a key:")
	errLocked = errors.New("locked")
)

func (*openKMS) Wrap(_ context.Context, _, _, _ string, _ map[string]string, plain []byte) ([]byte, error) {
	return append(bytes.Clone(mark), plain...), nil
}

func (k *openKMS) Unwrap(_ context.Context, _, _ string, blob []byte, _ map[string]string) ([]byte, bool, error) {
	if k.locked {
		return nil, false, errLocked
	}
	return bytes.Clone(bytes.TrimPrefix(blob, mark)), true, nil
}

func (*openKMS) Rewrap(_ context.Context, _, _ string, blob []byte, _ map[string]string) ([]byte, error) {
	return blob, nil
}

func (*openKMS) Unusable(err error) (ending, ok bool, reason error) {
	return false, errors.Is(err, errLocked), err
}

type keysEnv struct {
	*testing.T
	kms  openKMS
	db   *store.DB
	keys *Keys
}

func newKeysEnv(t *testing.T) *keysEnv {
	e := &keysEnv{T: t, db: storetest.New(t)}
	e.keys = New(e.db, keyringtest.New(t, 1), &e.kms)
	return e
}

var pool = &Table{ID: "1", Name: "pool", Account: "000000000000", Region: "eu-central-1"}

// change prepares a change, and returns the plaintext that was encrypted; nil for the server's key.
func (e *keysEnv) change(key string) (k *Change, plain []byte) {
	e.Helper()
	k, err := e.keys.Change(e.Context(), pool, key, time.Unix(1, 0), func(about map[string]string, p []byte) ([]byte, error) {
		if about["aws:dynamodb:tableName"] != "pool" || about["aws:dynamodb:subscriberId"] != pool.Account {
			e.Errorf("bound to %v", about)
		}
		plain = bytes.Clone(p)
		return e.kms.Wrap(e.Context(), "", "", "", nil, p)
	})
	if err != nil {
		e.Fatal(err)
	}
	return k, plain
}

func (e *keysEnv) install(k *Change, table string) (installed bool) {
	e.Helper()
	err := system.Update(e.Context(), e.db, space, func(tx *store.Tx) error {
		recs, err := tx.Records(pool.Account, pool.Region)
		if err == nil {
			installed, err = k.Install(recs, table)
		}
		return err
	})
	if err != nil {
		e.Fatal(err)
	}
	return installed
}

// Of changes that were prepared at the same time one is put in place; the data key stays what it is under whatever key.
func TestChangeOfKeys(t *testing.T) {
	t.Parallel()
	e := newKeysEnv(t)
	first, made := e.change("a")
	other, made2 := e.change("b")
	if len(made) != size || bytes.Equal(made, made2) {
		t.Fatalf("data keys of %d bytes, the same twice: %t", len(made), bytes.Equal(made, made2))
	}
	if e.install(first, "another table") {
		t.Error("the data key of one table is put in place for another")
	}
	if !e.install(first, pool.ID) || e.install(other, pool.ID) {
		t.Error("not the first, or the second too")
	}
	again, plain := e.change("b")
	if !bytes.Equal(plain, made) || again.Key() != "b" || !e.install(again, pool.ID) {
		t.Error("another key is not put over the same data key")
	}
	servers, _ := e.change("")
	if !e.install(servers, pool.ID) {
		t.Error("the server's key is not put over the data key")
	}
	e.kms.locked = true // the server's needs no KMS
	if _, plain := e.change("c"); !bytes.Equal(plain, made) {
		t.Error("the data key under the server's key is another")
	}
}

func TestChangeOfKeysThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	e := newKeysEnv(t)
	k, _ := e.change("a")
	e.install(k, pool.ID)
	if err := e.keys.Check(t.Context(), pool); err != nil {
		t.Error(err)
	}
	e.kms.locked = true
	if err := e.keys.Check(t.Context(), pool); !fault.IsClass(err, fault.AccessDenied) {
		t.Errorf("a table whose key cannot be used: %v", err)
	}
	refused := errors.New("refused")
	e.kms.locked = false
	if _, err := e.keys.Change(t.Context(), pool, "b", time.Unix(1, 0), func(map[string]string, []byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("the error of who encrypts: %v", err)
	}
}
