package cognitoidp

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// session is a sign-in between two steps. It is held by the client, sealed: for its pool, app client, channel and
// challenge, for a few minutes, and for one answer.
type session struct {
	ID      string
	Expires time.Time
	passage
	// State is what the challenge's responder needs, e.g. SRP's.
	State []byte
}

func (a *attempt) newSession(p passage, state []byte) *session {
	minutes := a.app.SessionMinutes
	if minutes == 0 {
		minutes = userpool.DefaultSessionMinutes
	}
	return &session{
		ID: uuid.NewString(), Expires: a.Call.Now.Add(time.Duration(minutes) * time.Minute), passage: p, State: state,
	}
}

// sessionBinding keeps a session to its challenge and app client, and those of the sign-in pages, which pass fewer checks,
// away from the API. The API's two channels share theirs: what an administrator's server began a user's client may end.
func (a *attempt) sessionBinding(kind string) []byte {
	if a.channel == channelLogin {
		kind = "login/" + kind
	}
	return []byte(kind + "/" + a.app.ID)
}

// sealSession returns the session as bytes for the client to hold.
func (a *attempt) sealSession(kind string, s *session) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fault.Wrap(err, "encode a session")
	}
	sealed, err := a.Keyring.Seal(keyring.AuthSession, a.Pool.Scope(), text, a.sessionBinding(kind))
	return sealed, fault.Doing(err, "seal a session")
}

// openSession reads a session of the kind that the app client was given.
func (a *attempt) openSession(kind string, sealed []byte) (*session, error) {
	text, err := a.Keyring.Open(keyring.AuthSession, a.Pool.Scope(), sealed, a.sessionBinding(kind))
	if err != nil {
		return nil, refusal.BadSession()
	}
	var s session
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fault.Wrap(err, "read a session")
	}
	if !a.Call.Now.Before(s.Expires) {
		return nil, refusal.SessionExpired()
	}
	return &s, nil
}

// resume opens the session of a challenge and finds its user again, who must be the one that USERNAME names.
func (a *attempt) resume(challenge api.ChallengeNameType, sessionText *string) (*session, *candidate, error) {
	name, err := a.name()
	if err != nil {
		return nil, nil, err
	}
	s, err := a.sessionFrom(challenge, sessionText)
	if err != nil {
		return nil, nil, err
	}
	t, err := a.reload(s, name)
	return s, t, err
}

// reload finds the user of a session again. The name in the answer must be the session's: the secret hash that the caller
// had to know was made for that name.
func (a *attempt) reload(s *session, name string) (*candidate, error) {
	t := &candidate{name: s.Name, who: s.Who}
	err := a.View(func(rec *store.Records) error {
		named, err := a.Pool.Find(rec, name)
		if err != nil {
			return err
		}
		same := named != nil && named.Sub == s.Sub || named == nil && s.Sub == ""
		if !same {
			return refusal.BadSession()
		}
		if t.user = named; named != nil && !s.holdsFor(named) {
			return refusal.BadSession()
		}
		return a.Guard(rec, t.who)
	})
	return t, err
}

// use spends a session, which answers once. Its user must be as the session left it.
func (a *attempt) use(rec *store.Records, s *session) error {
	if s == nil {
		return nil
	}
	fresh, err := a.Spend(rec, userpool.SpentSession, s.ID, s.Expires)
	if err == nil && !fresh {
		err = refusal.BadSession()
	}
	return err
}

// sessionFrom opens what a client sent as its session.
func (a *attempt) sessionFrom(kind api.ChallengeNameType, text *string) (*session, error) {
	id, ch, sealed, ok := unwrapSession(opt.Value(text))
	if !ok || id != a.app.ID || (ch == channelLogin) != (a.channel == channelLogin) {
		return nil, refusal.BadSession()
	}
	return a.openSession(string(kind), sealed)
}

// wrapSession is a session as clients hold it. In front of what is sealed it names the app client and the channel, for the
// operations that take a session and nothing else; both are part of what seals it.
func (a *attempt) wrapSession(sealed []byte) string {
	head := []byte{byte(channelAPI), byte(len(a.app.ID))}
	if a.channel == channelLogin {
		head[0] = byte(channelLogin)
	}
	return base64.RawURLEncoding.EncodeToString(slices.Concat(head, []byte(a.app.ID), sealed))
}

func unwrapSession(text string) (id string, ch channel, sealed []byte, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 2 || len(b) <= 2+int(b[1]) {
		return "", 0, nil, false
	}
	ch = channel(b[0])
	n := 2 + int(b[1])
	return string(b[2:n]), ch, b[n:], ch == channelAPI || ch == channelLogin
}
