package cognitoidp

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
)

// Kinds of sessions: what the next step of a sign-in is.
const (
	sessionSRP         = "srp"
	sessionNewPassword = "new-password"
)

// session is a sign-in between two steps. It is held by the client, sealed: for its pool, app client and kind, for a few
// minutes, and for one answer.
type session struct {
	ID      string
	Sub     string // empty for a name that is nobody's
	Name    string // as the challenge called the user
	Who     string // whose guesses count
	Expires time.Time
	// Epoch is the user's, so that signing out ends sessions too.
	Epoch uint32
	// State is SRP's, or for a new password the mark of the temporary one.
	State []byte
}

const defaultSessionMinutes = 3

func (c *scoped) newSession(app *client, t *candidate, name string, state []byte) *session {
	minutes := app.SessionMinutes
	if minutes == 0 {
		minutes = defaultSessionMinutes
	}
	s := &session{
		ID: newUUID(), Name: name, Who: t.who, State: state, Expires: c.call.Now.Add(time.Duration(minutes) * time.Minute),
	}
	if t.user != nil {
		s.Sub, s.Epoch = t.user.Sub, t.user.Epoch
	}
	return s
}

func sessionBinding(app *client, kind string) []byte { return []byte(kind + "/" + app.ID) }

// sealSession returns the session as bytes for the client to hold.
func (c *scoped) sealSession(app *client, kind string, s *session) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fault.Wrap(err, "encode a session")
	}
	sealed, err := c.keys.Seal(keyring.AuthSession, c.pool.scope(), text, sessionBinding(app, kind))
	return sealed, internal(err, "seal a session")
}

// openSession reads a session of the kind that the app client was given.
func (c *scoped) openSession(app *client, kind string, sealed []byte) (*session, error) {
	text, err := c.keys.Open(keyring.AuthSession, c.pool.scope(), sealed, sessionBinding(app, kind))
	if err != nil {
		return nil, badSession()
	}
	var s session
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fault.Wrap(err, "read a session")
	}
	if !c.call.Now.Before(s.Expires) {
		return nil, sessionExpired()
	}
	return &s, nil
}

func decodeSession(text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, badSession()
	}
	return b, nil
}

func encodeSession(sealed []byte) string { return base64.RawURLEncoding.EncodeToString(sealed) }
