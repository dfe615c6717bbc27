package store

import "bytes"

// Key names a record within a view: parts that sort one after the other, so that a Key of fewer parts is a prefix of all
// that extend it.
type Key []byte

// K makes a key of parts. Parts may hold any bytes; a part is never a prefix of a longer one.
func K(parts ...string) Key {
	n := 0
	for _, p := range parts {
		n += len(p) + 1
	}
	k := make(Key, 0, n)
	for _, p := range parts {
		k = appendPart(k, p)
	}
	return k
}

// Part ends are 0x00 0x01 and a 0x00 within a part is 0x00 0xff, which keeps the order of parts.
func appendPart(k []byte, p string) []byte {
	for i := range len(p) {
		k = append(k, p[i])
		if p[i] == 0 {
			k = append(k, 0xff)
		}
	}
	return append(k, 0, 1)
}

// Parts returns the parts the key was made of.
func (k Key) Parts() []string {
	var parts []string
	for len(k) > 0 {
		part, rest, ok := cutPart(k)
		if !ok {
			return parts
		}
		parts = append(parts, part)
		k = rest
	}
	return parts
}

func cutPart(k []byte) (part string, rest []byte, ok bool) {
	var b []byte
	for {
		i := bytes.IndexByte(k, 0)
		if i < 0 || i+1 >= len(k) {
			return "", nil, false
		}
		b = append(b, k[:i]...)
		end := k[i+1] == 1
		k = k[i+2:]
		if end {
			return string(b), k, true
		}
		b = append(b, 0)
	}
}
