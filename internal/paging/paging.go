// Package paging makes the pages of lists, and the opaque tokens that lead from one page to the next. A token is sealed
// for the account, the region, the operation and the arguments of its list, so that it tells its holder nothing (a
// position can be the name of something the holder may not see) and opens for nobody else and for no other list.
package paging

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bulkhead/bulkhead/internal/keyring"
)

// ErrToken says that a token is not one of the list: mistyped, of another account, region, operation or query, or made up.
// Each service answers it with a fault of its own.
var ErrToken = errors.New("paging: not a token of this list")

// MaxPosition is the longest position, in bytes: a position is a name or a record's key.
const MaxPosition = 2048

var (
	encoding = base64.RawURLEncoding.Strict()
	maxToken = encoding.EncodedLen(MaxPosition + keyring.Overhead)
)

// List is what a token is of.
type List struct {
	Keys      *keyring.Keyring
	Account   string   // whose list it is; required
	Region    string   // "" in a service without regions
	Operation string   // with its service: "iam:ListUsers"
	Query     []string // the arguments that say what is listed
}

func (l *List) scope() keyring.Scope { return keyring.Scope{Account: l.Account, Name: l.Operation} }

// about is what a token is bound to beside its scope. Lengths keep neighbours from running into each other.
func (l *List) about() []byte {
	b := appendText(nil, l.Region)
	for _, q := range l.Query {
		b = appendText(b, q)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (l *List) seal(position string) (string, error) {
	if len(position) > MaxPosition {
		return "", fmt.Errorf("paging: a position of %d bytes in %s", len(position), l.Operation)
	}
	b, err := l.Keys.Seal(keyring.PagingToken, l.scope(), []byte(position), l.about())
	if err != nil {
		return "", fmt.Errorf("paging: %w", err)
	}
	return encoding.EncodeToString(b), nil
}

func (l *List) open(token string) (string, error) {
	if len(token) > maxToken {
		return "", ErrToken
	}
	b, err := encoding.DecodeString(token)
	if err != nil {
		return "", ErrToken
	}
	position, err := l.Keys.Open(keyring.PagingToken, l.scope(), b, l.about())
	if errors.Is(err, keyring.ErrOpen) {
		return "", ErrToken
	}
	if err != nil {
		return "", fmt.Errorf("paging: %w", err)
	}
	return string(position), nil
}
