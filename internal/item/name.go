package item

import (
	"strings"

	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
)

// Limits of the names of tables in bytes (API Reference, "CreateTable").
const (
	minTableName = 3
	maxTableName = 255
)

var tableName = constraint.NewPattern(`[a-zA-Z0-9_.-]+`, `[a-zA-Z0-9_.-]+`)

// CheckTableName checks the name of a table. A table's ARN is checked where it is read.
func CheckTableName(c *constraint.Checker, at, v string) {
	if strings.HasPrefix(v, "arn:") {
		return
	}
	c.Length(at, v, minTableName, maxTableName)
	c.Matches(at, v, tableName)
}
