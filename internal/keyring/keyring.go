// Package keyring derives every key of the server from one root key: root → account → purpose and scope. Nothing but
// the root has to be kept, and a key for one account, purpose or scope says nothing about any other.
//
// A keyring holds the current root and may hold older ones. New data is sealed under the current root; what older roots
// sealed still opens, so a root is rotated by putting a new one before it, and dropped once nothing of it is left.
package keyring

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// ErrOpen is returned by Keyring.Open for anything that was not sealed, as it is, for the same purpose, scope and
// additional data under a root of this keyring. It says no more, so that it tells an attacker nothing.
var ErrOpen = errors.New("keyring: sealed data does not open")

// ErrWrongRoot is returned by Verify when the data belongs to another root key.
var ErrWrongRoot = errors.New("keyring: the data was written under another root key")

// Keyring derives keys and seals. It is safe for concurrent use and never prints a key.
type Keyring struct {
	roots []root // the current one first

	mu    sync.RWMutex
	cache map[cacheKey]*xaes
}

// root is one root key. Only the key extracted from it is kept.
type root struct {
	prk   Material
	id    [idSize]byte
	check [sha256.Size]byte
}

type cacheKey struct {
	id      [idSize]byte
	purpose Purpose
	scope   Scope
}

const (
	idSize    = 4
	checkSize = idSize + sha256.Size

	version    = 1
	headerSize = 1 + idSize
	// Overhead is how many bytes sealing adds: version, root id, nonce and tag.
	Overhead = headerSize + nonceSize + tagSize

	maxRoots = 16
	maxCache = 8192
)

// The salt and labels of the derivation. They separate it from any other use of the same root.
const (
	extractSalt  = "bulkhead/keyring/v1"
	idLabel      = "root-id"
	checkLabel   = "check"
	serverLabel  = "server"
	accountLabel = "account\x00"
)

// New makes a keyring from roots, the current one first. It copies what it needs.
func New(roots []Material) (*Keyring, error) {
	if len(roots) == 0 || len(roots) > maxRoots {
		return nil, fmt.Errorf("keyring: needs 1 to %d root keys, not %d", maxRoots, len(roots))
	}
	k := &Keyring{cache: map[cacheKey]*xaes{}}
	for _, m := range roots {
		r, err := newRoot(m)
		if err != nil {
			return nil, err
		}
		if _, ok := k.root(r.id); ok {
			return nil, fmt.Errorf("keyring: two root keys have the id %x", r.id)
		}
		k.roots = append(k.roots, r)
	}
	return k, nil
}

func newRoot(m Material) (root, error) {
	if subtle.ConstantTimeCompare(m.Bytes(), make([]byte, KeySize)) == 1 || m.IsZero() {
		return root{}, errors.New("keyring: a root key is empty or all zeros")
	}
	prk, err := hkdf.Extract(sha256.New, m.Bytes(), []byte(extractSalt))
	if err != nil {
		return root{}, fmt.Errorf("keyring: %w", err)
	}
	defer clear(prk)
	r := root{}
	if r.prk, err = NewMaterial(prk); err != nil {
		return root{}, err
	}
	id, err := hkdf.Expand(sha256.New, prk, idLabel, idSize)
	if err != nil {
		return root{}, fmt.Errorf("keyring: %w", err)
	}
	check, err := hkdf.Expand(sha256.New, prk, checkLabel, sha256.Size)
	if err != nil {
		return root{}, fmt.Errorf("keyring: %w", err)
	}
	copy(r.id[:], id)
	copy(r.check[:], check)
	return r, nil
}

func (k *Keyring) root(id [idSize]byte) (*root, bool) {
	for i := range k.roots {
		if k.roots[i].id == id {
			return &k.roots[i], true
		}
	}
	return nil, false
}

// ID names the current root: 8 hexadecimal digits derived from it, safe to show and to store.
func (k *Keyring) ID() string { return hex.EncodeToString(k.roots[0].id[:]) }

// IDs names all roots, the current one first.
func (k *Keyring) IDs() []string {
	ids := make([]string, len(k.roots))
	for i := range k.roots {
		ids[i] = hex.EncodeToString(k.roots[i].id[:])
	}
	return ids
}

// Check returns a value to store with the data: Verify tells from it later whether the root is the one that the data
// was written under. It is derived one way and need not be kept secret.
func (k *Keyring) Check() []byte {
	r := &k.roots[0]
	return append(append(make([]byte, 0, checkSize), r.id[:]...), r.check[:]...)
}

// Verify checks a value that Check returned earlier. It returns nil if any root of the keyring made it (write a new
// Check after a rotation), an error that wraps ErrWrongRoot if none did.
func (k *Keyring) Verify(check []byte) error {
	if len(check) != checkSize {
		return fmt.Errorf("%w: the stored check value has %d bytes, not %d", ErrWrongRoot, len(check), checkSize)
	}
	r, ok := k.root([idSize]byte(check[:idSize]))
	if !ok {
		return fmt.Errorf("%w: it needs root key %x, this one is %s", ErrWrongRoot, check[:idSize], k.ID())
	}
	if subtle.ConstantTimeCompare(r.check[:], check[idSize:]) != 1 {
		return fmt.Errorf("%w: the stored check value of root key %x is not its own", ErrWrongRoot, r.id)
	}
	return nil
}

// Key derives the key of a purpose and scope from the current root (HKDF-SHA256, RFC 5869).
func (k *Keyring) Key(p Purpose, s Scope) (Material, error) {
	return k.roots[0].derive(p, s)
}

// KeyOf derives like Key from the root with the id, for what was made before a rotation.
func (k *Keyring) KeyOf(id string, p Purpose, s Scope) (Material, error) {
	var raw [idSize]byte
	if len(id) == 2*idSize {
		if _, err := hex.Decode(raw[:], []byte(id)); err == nil {
			if r, ok := k.root(raw); ok {
				return r.derive(p, s)
			}
		}
	}
	return Material{}, fmt.Errorf("%w: no root key %q", ErrWrongRoot, id)
}

func (r *root) derive(p Purpose, s Scope) (Material, error) {
	if err := p.check(s); err != nil {
		return Material{}, err
	}
	above := serverLabel
	if s.Account != "" {
		above = accountLabel + s.Account
	}
	parent, err := hkdf.Expand(sha256.New, r.prk.Bytes(), above, KeySize)
	if err != nil {
		return Material{}, fmt.Errorf("keyring: %w", err)
	}
	defer clear(parent)
	// Labels have no NUL, so label and name cannot run into each other.
	key, err := hkdf.Expand(sha256.New, parent, purposes[p].label+"\x00"+s.Name, KeySize)
	if err != nil {
		return Material{}, fmt.Errorf("keyring: %w", err)
	}
	defer clear(key)
	return NewMaterial(key)
}

// Seal encrypts and authenticates plaintext for a purpose and scope under the current root, binding it to aad
// (XAES-256-GCM with a random nonce). The result is Overhead bytes longer and opens only with the same purpose, scope
// and aad. It fails only for a purpose or scope that is not valid.
func (k *Keyring) Seal(p Purpose, s Scope, plaintext, aad []byte) ([]byte, error) {
	r := &k.roots[0]
	x, err := k.sealer(r, p, s)
	if err != nil {
		return nil, err
	}
	out := make([]byte, headerSize+nonceSize, len(plaintext)+Overhead)
	out[0] = version
	copy(out[1:], r.id[:])
	nonce := out[headerSize:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	aead, err := x.message(nonce)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return aead.Seal(out, nonce[gcmNonce:], plaintext, bind(out[:headerSize], aad)), nil
}

// Open returns the plaintext of what Seal made for the same purpose, scope and aad, under any root of the keyring.
// It returns ErrOpen for anything else.
func (k *Keyring) Open(p Purpose, s Scope, sealed, aad []byte) ([]byte, error) {
	if err := p.check(s); err != nil {
		return nil, err
	}
	if len(sealed) < Overhead || sealed[0] != version {
		return nil, ErrOpen
	}
	r, ok := k.root([idSize]byte(sealed[1:headerSize]))
	if !ok {
		return nil, ErrOpen
	}
	x, err := k.sealer(r, p, s)
	if err != nil {
		return nil, err
	}
	header, nonce, box := sealed[:headerSize], sealed[headerSize:][:nonceSize], sealed[headerSize+nonceSize:]
	aead, err := x.message(nonce)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	plain, err := aead.Open(nil, nonce[gcmNonce:], box, bind(header, aad))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// bind is the additional data of a message: the header has a fixed length, so the two cannot run into each other.
func bind(header, aad []byte) []byte {
	return append(append(make([]byte, 0, headerSize+len(aad)), header...), aad...)
}

// sealer returns the cached cipher of a derived key.
func (k *Keyring) sealer(r *root, p Purpose, s Scope) (*xaes, error) {
	ck := cacheKey{r.id, p, s}
	k.mu.RLock()
	x, ok := k.cache[ck]
	k.mu.RUnlock()
	if ok {
		return x, nil
	}
	key, err := r.derive(p, s)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	if x, err = newXAES(key.Bytes()); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.cache) >= maxCache {
		// Scopes can come from callers, so the cache is bounded; starting over is rare and costs microseconds a key.
		clear(k.cache)
	}
	k.cache[ck] = x
	return x, nil
}

// Format implements fmt.Formatter: it shows the ids of the roots.
func (k *Keyring) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// String implements fmt.Stringer.
func (k *Keyring) String() string { return fmt.Sprint("keyring", k.IDs()) }

// LogValue implements slog.LogValuer.
func (k *Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON implements json.Marshaler.
func (k *Keyring) MarshalJSON() ([]byte, error) { return []byte(`"` + k.String() + `"`), nil }

// Source is where root keys come from: a file, the environment, or a key management service outside of the server.
type Source interface {
	// Roots returns the root keys, the current one first. The keyring wipes them after use.
	Roots(ctx context.Context) ([]Material, error)
}
