package keyorder_test

import (
	"bytes"
	"testing"

	"github.com/bulkhead/bulkhead/internal/keyorder"
)

func TestPrefixEnd(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ prefix, end string }{
		{"", ""}, {"\xff", ""}, {"\xff\xff", ""},
		{"a", "b"}, {"a\xff", "b"}, {"\x00", "\x01"}, {"a\xff\xff", "b"}, {"a\xfe", "a\xff"},
	} {
		in := []byte(tc.prefix)
		end := keyorder.PrefixEnd(in)
		if string(end) != tc.end || (end == nil) != (tc.end == "") {
			t.Errorf("after all %q comes %q", tc.prefix, end)
		}
		if string(in) != tc.prefix {
			t.Errorf("%q was changed", tc.prefix)
		}
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	room := append(make([]byte, 0, 8), "ab"...)
	next := keyorder.After(room[:1])
	if !bytes.Equal(next, []byte("a\x00")) || string(room) != "ab" {
		t.Errorf("after a comes %q; the input's array is %q", next, room)
	}
	if got := keyorder.After(nil); !bytes.Equal(got, []byte{0}) {
		t.Errorf("after the empty key comes %q", got)
	}
}
