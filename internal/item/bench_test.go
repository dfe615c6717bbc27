package item

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

// benchItem is an item of about 450 bytes of JSON, as a SaaS's order might be.
var benchItem = `{"pk":{"S":"tenant-acme#order"},"sk":{"S":"2026-11-21T13:14:01Z#0001"},"status":{"S":"SHIPPED"},` +
	`"total":{"N":"1299.95"},"quantity":{"N":"3"},"paid":{"BOOL":true},"note":{"S":"` + strings.Repeat("leave it at the door ", 4) +
	`"},"tags":{"SS":["fragile","gift","express"]},"address":{"M":{"street":{"S":"1 Main Street"},"city":{"S":"Springfield"},` +
	`"zip":{"S":"12345"}}},"lines":{"L":[{"N":"1"},{"N":"2"},{"S":"three"}]}}`

// plainValue is how encoding/json would hold an attribute value.
type plainValue struct {
	S    *string
	N    *string
	B    []byte
	BOOL *bool
	NULL *bool
	M    map[string]plainValue
	L    []plainValue
	SS   []string
	NS   []string
	BS   [][]byte
}

func BenchmarkItemDecode(b *testing.B) {
	body := []byte(benchItem)
	b.Run("stored", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			d, err := jsoncodec.Acquire(body)
			if err != nil {
				b.Fatal(err)
			}
			var m Map
			if err := m.DecodeJSON(d); err != nil || m.Err() != nil {
				b.Fatal(err, m.Err())
			}
			d.Release()
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var m map[string]plainValue
			if err := json.Unmarshal(body, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkItemEncode(b *testing.B) {
	m := mustMap(b, benchItem)
	raw := m.Stored()
	var out []byte
	b.Run("stored", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := Load(raw)
			if err != nil {
				b.Fatal(err)
			}
			out = m.AppendJSON(out[:0])
		}
	})
	var plain map[string]plainValue
	if err := json.Unmarshal([]byte(benchItem), &plain); err != nil {
		b.Fatal(err)
	}
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(plain); err != nil {
				b.Fatal(err)
			}
		}
	})
}
