// Package keyorder is arithmetic on the order of byte strings, for all that makes ranges of keys.
package keyorder

import "slices"

// After returns the first key after k.
func After(k []byte) []byte { return append(slices.Clip(k), 0) }

// PrefixEnd returns the first key after all keys that begin with p, or nil if there is none.
func PrefixEnd(p []byte) []byte {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] != 0xff {
			end := slices.Clone(p[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// Append appends b so that encodings compare as the bytes do and none is a prefix of another: groups of eight
// bytes, padded with zeros, each followed by how many of the eight count, nine if more groups follow. It grows b by an
// eighth and a group, which keeps the longest sort key within kv.MaxKey, also when it is done twice.
func Append(dst, b []byte) []byte {
	const group = 8
	for len(b) > group {
		dst = append(append(dst, b[:group]...), group+1)
		b = b[group:]
	}
	var last [group]byte
	n := copy(last[:], b)
	return append(append(dst, last[:]...), byte(n))
}
