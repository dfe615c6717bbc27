package cognitoidp

import (
	"encoding/base64"
	"errors"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/srp"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Steps of a passage that a device passes: having shown its secret, and, of one that the pool trusts, standing in for MFA.
const (
	stepDevice        = "DEVICE"
	stepTrustedDevice = "DEVICE_TRUSTED"
)

func deviceResponders() map[api.ChallengeNameType]responder {
	return map[api.ChallengeNameType]responder{
		api.ChallengeNameTypeDeviceSrpAuth:          (*attempt).beginDevice,
		api.ChallengeNameTypeDevicePasswordVerifier: (*attempt).verifyDevice,
	}
}

// knownDevice loads the device that a sign-in names, nil where it names none. A key that is none of the user's is refused:
// clients then forget it and answer the same challenge again without, so the caller must not have spent the session.
func (a *attempt) knownDevice(rec *store.Records, v *arrival) (*device, error) {
	if v.Device == "" || !a.Pool.TracksDevices() || a.channel == channelLogin {
		return nil, nil
	}
	return userpool.Must[device](rec, deviceKey(a.Pool.ID, v.user.Sub, v.Device), deviceNotFound())
}

// trustedDeviceGate asks a device that stands in for MFA for its secret, before MFA is thought of.
func (a *attempt) trustedDeviceGate(v *arrival) (*outcome, error) {
	return a.askDevice(v, func(d *device) bool { return trusts(a.Pool, d) })
}

// deviceGate asks any other device that the sign-in names.
func (a *attempt) deviceGate(v *arrival) (*outcome, error) {
	return a.askDevice(v, func(*device) bool { return true })
}

func (a *attempt) askDevice(v *arrival, asked func(*device) bool) (*outcome, error) {
	if v.passed(stepDevice) {
		return nil, nil
	}
	d, err := userpool.Read(a, func(rec *store.Records) (*device, error) {
		return a.knownDevice(rec, v)
	})
	if err != nil || d == nil || !asked(d) {
		return nil, err
	}
	return a.ask(api.ChallengeNameTypeDeviceSrpAuth, v.passage, nil, map[string]string{
		paramUsername: v.Name, paramDevice: d.Key,
	})
}

// deviceOf loads the device of a session, which must be the one that the answer names.
func (a *attempt) deviceOf(rec *store.Records, s *session) (*device, error) {
	if a.params[paramDevice] != s.Device {
		return nil, refusal.BadSession()
	}
	d, err := a.knownDevice(rec, &arrival{passage: s.passage, user: &userpool.User{Sub: s.Sub}})
	if err == nil && d == nil {
		err = refusal.BadSession()
	}
	return d, err
}

// beginDevice answers DEVICE_SRP_AUTH: the device's SRP_A, with the challenge DEVICE_PASSWORD_VERIFIER.
func (a *attempt) beginDevice(sessionText *string) (*outcome, error) {
	s, t, err := a.resume(api.ChallengeNameTypeDeviceSrpAuth, sessionText)
	if err != nil {
		return nil, err
	}
	srpA, err := a.param(paramSRPA)
	if err != nil {
		return nil, err
	}
	if t.user == nil {
		return nil, refusal.BadSession()
	}
	d, err := userpool.Read(a, func(rec *store.Records) (*device, error) {
		return a.deviceOf(rec, s)
	})
	if err != nil {
		return nil, err
	}
	leave, err := a.Work.Enter(a.Ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	v, err := a.openVerifier(d, s.Sub)
	if err != nil {
		return nil, err
	}
	state, pub, err := srp.Begin(v, srpA)
	if err != nil {
		return nil, refusal.Invalid("Invalid SRP_A.")
	}
	// The two sessions are one answer, so they share their id: the second is spent for both.
	s.State = state.Bytes()
	block, err := a.sealSession(string(api.ChallengeNameTypeDevicePasswordVerifier), s)
	if err != nil {
		return nil, err
	}
	return &outcome{
		challenge: api.ChallengeNameTypeDevicePasswordVerifier, session: new(a.wrapSession(block)), params: map[string]string{
			"SALT": v.Salt(), "SRP_B": pub, "SECRET_BLOCK": base64.StdEncoding.EncodeToString(block),
			paramUsername: s.Name, paramDevice: d.Key,
		},
	}, nil
}

// verifyDevice answers DEVICE_PASSWORD_VERIFIER. As with a password the session is the secret block.
func (a *attempt) verifyDevice(*string) (*outcome, error) {
	cl, err := a.readClaim()
	if err != nil {
		return nil, err
	}
	s, err := a.openSession(string(api.ChallengeNameTypeDevicePasswordVerifier), cl.block)
	if err != nil {
		return nil, err
	}
	t, err := a.reload(s, cl.name)
	if err != nil {
		return nil, err
	}
	if t.user == nil {
		return nil, refusal.BadSession()
	}
	d, err := userpool.Read(a, func(rec *store.Records) (*device, error) {
		return a.deviceOf(rec, s)
	})
	if err != nil {
		return nil, err
	}
	ok, err := a.deviceClaimHolds(d, s, cl)
	if err != nil {
		return nil, err
	}
	return a.settleDevice(s, ok)
}

// deviceClaimHolds checks the signature of a device, for which the group is the pool and the key the user.
func (a *attempt) deviceClaimHolds(d *device, s *session, cl *claim) (bool, error) {
	leave, err := a.Work.Enter(a.Ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	v, err := a.openVerifier(d, s.Sub)
	if err != nil {
		return false, err
	}
	state, err := srp.ParseState(s.State)
	if err != nil {
		return false, fault.Wrap(err, "read a session")
	}
	group, err := a.deviceGroup(s.Sub)
	if err != nil {
		return false, err
	}
	key, err := state.Key(v)
	if err != nil {
		return false, refusal.BadCredentials()
	}
	signed := srp.Claim{Pool: group, User: d.Key, SecretBlock: cl.block, Timestamp: cl.stamp}
	return signed.Verify(key, cl.signature), nil
}

// settleDevice records the outcome of a device's check. Failures lock as wrong passwords do, by a count of their own:
// whoever knows the password could clear that one.
func (a *attempt) settleDevice(s *session, ok bool) (*outcome, error) {
	v, who := &arrival{}, s.Who+"/device"
	var refused error
	err := a.Update(func(rec *store.Records) (err error) {
		v.passage, refused = s.pass(stepDevice), nil
		if err := a.use(rec, s); err != nil {
			return err
		}
		if err := a.Guard(rec, who); err != nil {
			return err
		}
		if !ok {
			refused = refusal.BadCredentials()
			return a.Failed(rec, who)
		}
		if v.user, err = store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, s.Sub)); err != nil {
			return err
		}
		if !s.holdsFor(v.user) {
			return refusal.BadSession()
		}
		if err := errors.Join(a.Forget(rec, who), a.deviceUsed(rec, v, s)); err != nil {
			return err
		}
		v.groups, err = a.MembershipOf(rec, v.user)
		return err
	})
	if err == nil {
		err = refused
	}
	return a.onward(v, err)
}

func (a *attempt) deviceUsed(rec *store.Records, v *arrival, s *session) error {
	d, err := a.deviceOf(rec, s)
	if err != nil {
		return err
	}
	if trusts(a.Pool, d) {
		v.passage = v.pass(stepTrustedDevice)
	}
	d.Authenticated, d.Address = a.Call.Now, a.address()
	return store.Save(rec, deviceKey(a.Pool.ID, v.user.Sub, d.Key), d)
}

// placeDevice says which device the tokens of a sign-in are for: the one that showed its secret, or a new one, which the
// tokens then name. The sign-in pages run in browsers that keep no such secret.
func (a *attempt) placeDevice(v *arrival, in *tokens.SignIn) (*api.NewDeviceMetadataType, error) {
	switch {
	case v.passed(stepDevice):
		in.Device = v.Device
		return nil, nil
	case !a.Pool.TracksDevices() || a.channel == channelLogin:
		return nil, nil
	}
	group, err := a.deviceGroup(v.user.Sub)
	if err != nil {
		return nil, err
	}
	in.Device = newDeviceKey(a.Pool)
	return &api.NewDeviceMetadataType{DeviceKey: new(in.Device), DeviceGroupKey: &group}, nil
}
