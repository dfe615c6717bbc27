package keyring

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length of every root and derived key, in bytes.
const KeySize = 32

const redacted = "[redacted key]"

// Material is a secret key of KeySize bytes. No way of printing or encoding it shows the key, not even a reflective
// print of a struct around it. The zero Material holds no key.
type Material struct{ in *box }

// box is one more pointer than it seems to need: fmt follows a pointer to an array when the verb does not fit ("%s").
type box struct{ b *[KeySize]byte }

// NewMaterial copies a key of exactly KeySize bytes.
func NewMaterial(key []byte) (Material, error) {
	if len(key) != KeySize {
		return Material{}, fmt.Errorf("keyring: a key has %d bytes, not %d", KeySize, len(key))
	}
	return Material{&box{(*[KeySize]byte)(bytes.Clone(key))}}, nil
}

// Bytes returns the key itself, not a copy: it must not be changed, and is zeroed by Wipe. Nil for the zero Material.
func (m Material) Bytes() []byte {
	if m.in == nil {
		return nil
	}
	return m.in.b[:]
}

// IsZero reports whether m holds no key.
func (m Material) IsZero() bool { return m.in == nil }

// Equal compares two keys in constant time; a zero Material equals nothing.
func (m Material) Equal(o Material) bool {
	return m.in != nil && o.in != nil && subtle.ConstantTimeCompare(m.in.b[:], o.in.b[:]) == 1
}

// Wipe overwrites the key with zeros. The Go runtime may have left copies on stacks that were moved.
func (m Material) Wipe() {
	clear(m.Bytes())
}

// Format implements fmt.Formatter for every verb.
func (Material) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String implements fmt.Stringer.
func (Material) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Material) GoString() string { return redacted }

// LogValue implements slog.LogValuer.
func (Material) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements json.Marshaler.
func (Material) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler, which YAML and XML use.
func (Material) MarshalText() ([]byte, error) { return []byte(redacted), nil }
