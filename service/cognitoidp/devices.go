package cognitoidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/srp"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Devices ("Working with user devices in your user pool", Amazon Cognito Developer Guide). A sign-in without a known device
// is given a new device key, which is in its access token and nowhere else. ConfirmDevice by that token makes the device's
// record, with the verifier of a secret that the device chose. From then on a sign-in that names the device has to show the
// secret too, by SRP, and where the pool says so that takes the place of MFA.

// device is a device that a user confirmed.
type device struct {
	Key, Name string
	// Verifier is sealed.
	Verifier []byte
	// Remembered is false for one that is only tracked: it stands in for nothing.
	Remembered                       bool
	Created, Modified, Authenticated time.Time
	// Address is where it was last used from, as this server saw it.
	Address string
}

// maxDevices bounds the records that a user can make. AWS publishes no number.
const maxDevices = 100

func deviceKey(pool, sub, key string) store.Key { return userpool.InPool(pool, "device", sub, key) }

func deviceNotFound() *fault.Error {
	return api.NewResourceNotFoundException("Device does not exist.")
}

// trusts reports whether the device may stand in for MFA.
func trusts(p *userpool.Pool, d *device) bool {
	return p.TracksDevices() && opt.Value(p.Settings.Devices.ChallengeRequiredOnNewDevice) && d.Remembered
}

// newDeviceKey names a new device. The form is AWS's: the region and a UUID.
func newDeviceKey(p *userpool.Pool) string { return p.Region + "_" + uuid.NewString() }

// deviceGroup is the name under which a user's devices hash their secrets: the same for all devices of a user, another for
// each user.
func (c *scoped) deviceGroup(sub string) (string, error) {
	key, err := c.Keyring.Key(keyring.DeviceVerifier, keyring.Scope{Account: c.Pool.Account, Name: c.Pool.ID + "/group"})
	if err != nil {
		return "", fault.Wrap(err, "derive a key")
	}
	defer key.Wipe()
	h := hmac.New(sha256.New, key.Bytes())
	h.Write([]byte(sub))
	return "-" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:6]), nil
}

// binding keeps the verifier of one device from serving another.
func (d *device) binding(sub string) []byte { return []byte(sub + "/" + d.Key) }

// sealVerifier reads what a device sent as the verifier of its secret, and seals it.
func (c *scoped) sealVerifier(d *device, sub string, in *api.DeviceSecretVerifierConfigType) error {
	if in == nil || in.PasswordVerifier == nil || in.Salt == nil {
		return refusal.Missing("DeviceSecretVerifierConfig")
	}
	salt, saltErr := base64.StdEncoding.DecodeString(*in.Salt)
	number, err := base64.StdEncoding.DecodeString(*in.PasswordVerifier)
	if saltErr != nil || err != nil {
		return refusal.Invalid("DeviceSecretVerifierConfig is not base64.")
	}
	v, err := srp.ClientVerifier(salt, number)
	if err != nil {
		return refusal.Invalid("Invalid DeviceSecretVerifierConfig.")
	}
	d.Verifier, err = c.Keyring.Seal(keyring.DeviceVerifier, c.Pool.Scope(), v.Bytes(), d.binding(sub))
	return fault.Doing(err, "seal a verifier")
}

func (c *scoped) openVerifier(d *device, sub string) (v srp.Verifier, err error) {
	plain, err := c.Keyring.Open(keyring.DeviceVerifier, c.Pool.Scope(), d.Verifier, d.binding(sub))
	if err != nil {
		return v, fault.Wrap(err, "open a verifier")
	}
	v, err = srp.ParseVerifier(plain)
	return v, fault.Doing(err, "read a verifier")
}

// describe is the device as lists show it.
func (d *device) describe(p *userpool.Pool, u *userpool.User) api.DeviceType {
	status := api.DeviceRememberedStatusTypeNotRemembered
	if d.Remembered {
		status = api.DeviceRememberedStatusTypeRemembered
	}
	owner := u.Username + "." + p.ID
	name := arn.ARN{
		Partition: arn.Partition, Service: userpool.ServiceName, Region: p.Region, Account: p.Account, Resource: "owner/" + owner + "/device/" + d.Key,
	}
	out := api.DeviceType{
		DeviceKey: new(d.Key), DeviceCreateDate: new(d.Created), DeviceLastModifiedDate: new(d.Modified),
		DeviceLastAuthenticatedDate: new(d.Authenticated),
	}
	for _, a := range [][2]string{
		{"device_status", "valid"}, {"device_name", d.Name}, {"dev:device_arn", name.String()}, {"dev:device_owner", owner},
		{"last_ip_used", d.Address}, {"dev:device_remembered_status", string(status)},
	} {
		if a[1] != "" {
			out.DeviceAttributes = append(out.DeviceAttributes, api.AttributeType{Name: new(a[0]), Value: new(a[1])})
		}
	}
	return out
}

// address is where a request came from.
func (c *scoped) address() string {
	if !c.Call.SourceIP.IsValid() {
		return ""
	}
	return c.Call.SourceIP.String()
}

// forgetDevice takes a device away, and with it the refresh tokens that were made for it.
func (c *scoped) forgetDevice(rec *store.Records, sub, key string) error {
	k := deviceKey(c.Pool.ID, sub, key)
	if _, found, err := rec.Get(k); err != nil {
		return err
	} else if !found {
		return deviceNotFound()
	}
	if _, err := c.Spend(rec, userpool.SpentDevice, key, c.Call.Now.Add(userpool.MaxRefreshLife)); err != nil {
		return err
	}
	return rec.Delete(k)
}
