package cognitoidp

import (
	"net/netip"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
)

// userAddress is where the user is, as far as the server can tell: the peer of the request, what a server with the client's
// secret passes on where the client allows that, or what an administrator says.
func (a *attempt) userAddress() netip.Addr {
	told, err := netip.ParseAddr(a.around.ip)
	switch {
	case a.channel == channelAdmin:
		return told.Unmap()
	case err == nil && a.app.Propagate && a.app.Confidential():
		return told.Unmap()
	}
	return a.Call.SourceIP
}

// unblocked refuses a sign-in from an address that the pool or the app client blocks. A client's list takes the place of
// the pool's.
func (a *attempt) unblocked() error {
	if _, acts := a.Pool.Settings.Protects(); !acts {
		return nil
	}
	from := a.userAddress()
	blocked := false
	err := a.View(func(rec *store.Records) error {
		r, err := store.Load[poolsettings.RiskSettings](rec, poolsettings.RiskKey(a.Pool.ID, a.app.ID))
		if err == nil && r == nil {
			r, err = store.Load[poolsettings.RiskSettings](rec, poolsettings.RiskKey(a.Pool.ID, ""))
		}
		blocked = err == nil && r != nil && blocks(r, from)
		return err
	})
	if err == nil && blocked {
		err = blockedAddress()
	}
	return err
}

func blockedAddress() *fault.Error {
	return api.NewNotAuthorizedException("Unable to login because of security reasons.")
}

// blocks reports whether an address is in a blocked range; an unknown one is not.
func blocks(r *poolsettings.RiskSettings, from netip.Addr) bool {
	for _, text := range r.Blocked {
		if p, err := netip.ParsePrefix(text); err == nil && p.Contains(from.WithZone("")) {
			return true
		}
	}
	return false
}
