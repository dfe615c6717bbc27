package authz

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"io"

	"github.com/bulkhead/bulkhead/internal/keyring"
)

// maxMessage bounds a decoded authorization message, in bytes.
const maxMessage = 1 << 20

// ErrMessage is returned for an encoded message that was not made here for the account.
var ErrMessage = errors.New("authz: not an encoded authorization message of this account")

// Messages encodes and decodes authorization failure messages.
type Messages struct{ keys *keyring.Keyring }

// NewMessages returns Messages that seal under the keyring's key for each account.
func NewMessages(keys *keyring.Keyring) *Messages { return &Messages{keys} }

// SealMessage encodes a message for the operators of an account: compressed, sealed, in base64url.
func (m *Messages) SealMessage(account string, message []byte) (string, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(message); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	sealed, err := m.keys.Seal(keyring.AuthorizationMessage, keyring.Scope{Account: account}, b.Bytes(), nil)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenMessage decodes what SealMessage made for the account, or returns ErrMessage.
func (m *Messages) OpenMessage(account, encoded string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, ErrMessage
	}
	b, err := m.keys.Open(keyring.AuthorizationMessage, keyring.Scope{Account: account}, sealed, nil)
	if err != nil {
		return nil, ErrMessage
	}
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxMessage))
	if err != nil {
		return nil, ErrMessage
	}
	return out, nil
}
