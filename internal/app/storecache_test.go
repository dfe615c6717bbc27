package app

import (
	"errors"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestStoreCache(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1MiB": 1 << 20, "512MiB": 512 << 20, "2GiB": 2 << 30, "3GB": 3e9, "67108864": 64 << 20} {
		c := Config{StoreCache: text}
		if got, err := c.storeCache(); err != nil || got != want {
			t.Errorf("%s is %d bytes, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1GiB", "1", "1MB", "much", "1GiBB", "16EiB", "9EiB", "NaN", " "} {
		c := DefaultConfig()
		c.StoreCache = text
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--store-cache") {
			t.Errorf("%q: %v; want a refusal that names the setting", text, err)
		}
	}
}

func TestDefaultStoreCache(t *testing.T) {
	t.Parallel()
	for memory, want := range map[uint64]int64{
		0: 64 << 20, 256 << 20: 64 << 20, 512 << 20: 64 << 20, 4 << 30: 512 << 20, 8 << 30: 1 << 30, 64 << 30: 1 << 30, 1 << 63: 1 << 30,
	} {
		if got := defaultStoreCache(memlimit.Limit(memory)); got != want {
			t.Errorf("of %d bytes: %d, want %d", memory, got, want)
		}
	}
	unknown := func() (uint64, error) { return 0, errors.New("nobody knows") }
	if got := defaultStoreCache(unknown); got != 64<<20 {
		t.Errorf("of an unknown amount: %d, want 64 MiB", got)
	}
}
