package memkv_test

import (
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/kvtest"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
)

func TestContract(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(*testing.T) kv.DB { return memkv.New() })
}
