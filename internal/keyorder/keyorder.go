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
