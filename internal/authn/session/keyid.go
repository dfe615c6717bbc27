package session

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
)

// KeyKind is the prefix of an access key id ("Reference identifiers: unique identifiers", IAM User Guide).
type KeyKind string

// The kinds of access keys.
const (
	LongTerm  KeyKind = "AKIA"
	Temporary KeyKind = "ASIA"
)

// keyIDLen is the length of every access key id.
const keyIDLen = 20

// The 16 characters behind the prefix are ten bytes in base32. As AWS does it, the first 48 bits hold one set bit, 40
// bits of account id and seven bits of chance; the 32 bits behind them are chance too. So GetAccessKeyInfo needs no
// look-up, and a caller that stores long-term keys must check that an id is new (39 bits of chance for each account).
const accountShift = 7

// NewAccessKeyID makes an access key id for a 12-digit account id.
func NewAccessKeyID(kind KeyKind, account string) (string, error) {
	n, err := accountNumber(account)
	if err != nil {
		return "", err
	}
	var b [10]byte
	rand.Read(b[:])
	head := 1<<47 | n<<accountShift | uint64(b[0])>>1
	tail := binary.BigEndian.Uint32(b[6:])
	var out [12]byte
	binary.BigEndian.PutUint64(out[:8], head<<16)
	binary.BigEndian.PutUint32(out[6:10], tail)
	return string(kind) + base32.StdEncoding.EncodeToString(out[:10]), nil
}

func accountNumber(account string) (uint64, error) {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil || len(account) != 12 || account[0] == '+' {
		return 0, fmt.Errorf("account id %q is not 12 digits", account)
	}
	return n, nil
}

// AccountOf returns the account id that an access key id of either kind was made for, or false if it is not of the form.
func AccountOf(accessKeyID string) (string, bool) {
	if len(accessKeyID) != keyIDLen {
		return "", false
	}
	if k := KeyKind(accessKeyID[:4]); k != LongTerm && k != Temporary {
		return "", false
	}
	for i := 4; i < keyIDLen; i++ { // the decoder would skip line ends
		if c := accessKeyID[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return "", false
		}
	}
	b, err := base32.StdEncoding.DecodeString(accessKeyID[4:])
	if err != nil {
		return "", false
	}
	head := binary.BigEndian.Uint64(b[:8]) >> 16
	if head>>47 != 1 {
		return "", false
	}
	n := head >> accountShift & (1<<40 - 1)
	if n > 999999999999 {
		return "", false
	}
	return fmt.Sprintf("%012d", n), true
}

// IsTemporary reports whether the access key id is of temporary credentials, which need a session token.
func IsTemporary(accessKeyID string) bool {
	return len(accessKeyID) > 4 && KeyKind(accessKeyID[:4]) == Temporary
}
