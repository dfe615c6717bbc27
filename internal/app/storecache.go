package app

import (
	"errors"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/dustin/go-humanize"
)

// The block cache of the embedded store unless --store-cache says otherwise: this part of the memory that the process may use,
// within these bounds, in bytes.
const (
	storeCachePart  = 8
	minDefaultCache = 64 << 20
	maxDefaultCache = 1 << 30
)

// minStoreCache is the least that --store-cache may be: with less, the store would read the same blocks over and over.
const minStoreCache = 1 << 20

// storeCache is the size of the block cache of the embedded store, in bytes.
func (c *Config) storeCache() (int64, error) {
	if c.StoreCache == "" {
		return defaultStoreCache(memory), nil
	}
	n, err := humanize.ParseBytes(c.StoreCache)
	if err != nil || n < minStoreCache || n > math.MaxInt64/2 {
		return 0, errors.New("--store-cache is a size of at least 1MiB, such as 512MiB or 4GB")
	}
	return int64(n), nil
}

// defaultStoreCache is the size for the memory that a process may use, the least one if that is not known.
func defaultStoreCache(memory memlimit.Provider) int64 {
	return part(memory, storeCachePart, minDefaultCache, maxDefaultCache)
}

// validateStoreCache refuses a size that is none.
func (c *Config) validateStoreCache() error {
	_, err := c.storeCache()
	return err
}
