package dynamodb

import (
	"errors"
	"strings"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
)

// isTableName reports whether s is 3 to 255 of the characters that names of tables have.
func isTableName(s string) bool {
	if len(s) < 3 || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// locate reads a TableName parameter, which is a name of the caller's account or an ARN.
func locate(account, region, text string) (place, error) {
	if strings.HasPrefix(text, "arn:") {
		return locateARN(region, text)
	}
	if !isTableName(text) {
		return place{}, badName(text)
	}
	return place{account, region, text}, nil
}

// locateARN reads the ARN of a table in the region of the request.
func locateARN(region, text string) (place, error) {
	at, ok := parseARN(text)
	if !ok || at.region != region {
		return place{}, invalid("Invalid TableArn: Invalid ResourceArn provided as input %s", text)
	}
	return at, nil
}

func parseARN(text string) (place, bool) {
	a, ok := arn.Parse(text)
	kind, rest := a.Type()
	if !ok || a.Partition != arn.Partition || a.Service != name || !arn.IsAccount(a.Account) || kind != "table" || !isTableName(rest) {
		return place{}, false
	}
	return place{a.Account, a.Region, rest}, true
}

func badName(text string) error {
	var c constraint.Checker
	item.CheckTableName(&c, "tableName", text)
	return c.Err()
}

// noTable gives a missing table the message of operations on rows.
func noTable(err error) error {
	if errors.Is(err, errNoTable) {
		return api.NewResourceNotFoundException("Requested resource not found")
	}
	return err
}

// noTableNamed gives a missing table the message of operations on tables.
func noTableNamed(err error, at place) error {
	if errors.Is(err, errNoTable) {
		return api.NewResourceNotFoundException("Requested resource not found: Table: %s not found", at.name)
	}
	return err
}

// noResource gives a missing table the message of operations on tags, misspelt as AWS's is.
func noResource(err error, at place) error {
	if errors.Is(err, errNoTable) {
		return api.NewResourceNotFoundException("Requested resource not found: ResourcArn: %s not found", at.arn())
	}
	return err
}
