package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// ConfirmDevice implements api.Service. The device is the one that the token's sign-in was given the key of.
func (s *Service) ConfirmDevice(ctx context.Context, call *pipeline.Call, in *api.ConfirmDeviceInput) (*api.ConfirmDeviceOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if !b.Pool.TracksDevices() {
		return nil, api.NewInvalidUserPoolConfigurationException("Devices are not tracked in this user pool.")
	}
	key := opt.Value(in.DeviceKey)
	if key != b.Claims.Device {
		return nil, deviceNotFound()
	}
	d := &device{
		Key: key, Name: opt.Value(in.DeviceName), Created: call.Now, Modified: call.Now, Authenticated: call.Now, Address: b.address(),
		Remembered: !opt.Value(b.Pool.Settings.Devices.DeviceOnlyRememberedOnUserPrompt),
	}
	if err := b.sealVerifier(d, b.Claims.Sub, in.DeviceSecretVerifierConfig); err != nil {
		return nil, err
	}
	err = b.Update(func(rec *store.Records) error {
		if _, err := b.User(rec); err != nil {
			return err
		}
		return b.addDevice(rec, b.Claims.Sub, d)
	})
	if err != nil {
		return nil, err
	}
	return &api.ConfirmDeviceOutput{UserConfirmationNecessary: new(!d.Remembered)}, nil
}

func (c *scoped) addDevice(rec *store.Records, sub string, d *device) error {
	k := deviceKey(c.Pool.ID, sub, d.Key)
	if _, found, err := rec.Get(k); err != nil {
		return err
	} else if found {
		return api.NewDeviceKeyExistsException("Device key already exists.")
	}
	if _, forgotten, err := rec.Get(c.Pool.SpentKey(userpool.SpentDevice, d.Key)); err != nil {
		return err
	} else if forgotten {
		return deviceNotFound()
	}
	n := 0
	err := rec.Scan(userpool.DevicesKey(c.Pool.ID, sub), nil, func(store.Key, []byte) bool {
		n++
		return n < maxDevices
	})
	if err != nil {
		return err
	}
	if n == maxDevices {
		return refusal.Invalid("A user can have at most %d devices.", maxDevices)
	}
	return store.Save(rec, k, d)
}

// owner is whose devices an operation is about.
type owner struct {
	*scoped
	// load finds the user, and says why not.
	load func(*store.Records) (*userpool.User, error)
}

// selfOwner is the bearer of an access token.
func (s *Service) selfOwner(ctx context.Context, call *pipeline.Call, token *string) (*owner, error) {
	b, err := s.bearerOf(ctx, call, token)
	if err != nil {
		return nil, err
	}
	return &owner{b.scoped, b.User}, nil
}

// namedOwner is a user whom an administrator names.
func (s *Service) namedOwner(ctx context.Context, call *pipeline.Call, pool, name *string) (*owner, error) {
	c, err := s.in(ctx, call, pool)
	if err != nil {
		return nil, err
	}
	return &owner{c, func(rec *store.Records) (*userpool.User, error) { return c.Pool.MustFind(rec, name) }}, nil
}

// get describes one device.
func (o *owner) get(key *string) (out *api.DeviceType, err error) {
	err = o.View(func(rec *store.Records) error {
		u, err := o.load(rec)
		if err != nil {
			return err
		}
		d, err := store.Load[device](rec, deviceKey(o.Pool.ID, u.Sub, opt.Value(key)))
		if err != nil {
			return err
		}
		if d == nil {
			return deviceNotFound()
		}
		out = new(d.describe(o.Pool, u))
		return nil
	})
	return out, err
}

// list describes a page of devices.
func (o *owner) list(token *string, limit *int32) (out []api.DeviceType, next *string, err error) {
	u, err := userpool.Read(o, o.load)
	if err != nil {
		return nil, nil, err
	}
	devices, next, err := userpool.ListPage[device](o.Request, "ListDevices", u.Sub, userpool.DevicesKey(o.Pool.ID, u.Sub), token, limit, nil)
	out = []api.DeviceType{}
	for _, d := range devices {
		out = append(out, d.describe(o.Pool, u))
	}
	return out, next, err
}

func (o *owner) forget(key *string) error {
	return o.Update(func(rec *store.Records) error {
		u, err := o.load(rec)
		if err != nil {
			return err
		}
		return o.forgetDevice(rec, u.Sub, opt.Value(key))
	})
}

func (o *owner) setStatus(key *string, status api.DeviceRememberedStatusType) error {
	if status == "" {
		return refusal.Missing("DeviceRememberedStatus")
	}
	return o.Update(func(rec *store.Records) error {
		u, err := o.load(rec)
		if err != nil {
			return err
		}
		k := deviceKey(o.Pool.ID, u.Sub, opt.Value(key))
		d, err := store.Load[device](rec, k)
		if err != nil {
			return err
		}
		if d == nil {
			return deviceNotFound()
		}
		d.Remembered, d.Modified = status == api.DeviceRememberedStatusTypeRemembered, o.Call.Now
		return store.Save(rec, k, d)
	})
}

// GetDevice implements api.Service.
func (s *Service) GetDevice(ctx context.Context, call *pipeline.Call, in *api.GetDeviceInput) (*api.GetDeviceOutput, error) {
	o, err := s.selfOwner(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	d, err := o.get(in.DeviceKey)
	if err != nil {
		return nil, err
	}
	return &api.GetDeviceOutput{Device: d}, nil
}

// AdminGetDevice implements api.Service.
func (s *Service) AdminGetDevice(ctx context.Context, call *pipeline.Call, in *api.AdminGetDeviceInput) (*api.AdminGetDeviceOutput, error) {
	o, err := s.namedOwner(ctx, call, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	d, err := o.get(in.DeviceKey)
	if err != nil {
		return nil, err
	}
	return &api.AdminGetDeviceOutput{Device: d}, nil
}

// ListDevices implements api.Service.
func (s *Service) ListDevices(ctx context.Context, call *pipeline.Call, in *api.ListDevicesInput) (*api.ListDevicesOutput, error) {
	o, err := s.selfOwner(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	list, next, err := o.list(in.PaginationToken, in.Limit)
	if err != nil {
		return nil, err
	}
	return &api.ListDevicesOutput{Devices: list, PaginationToken: next}, nil
}

// AdminListDevices implements api.Service.
func (s *Service) AdminListDevices(ctx context.Context, call *pipeline.Call, in *api.AdminListDevicesInput) (*api.AdminListDevicesOutput, error) {
	o, err := s.namedOwner(ctx, call, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	list, next, err := o.list(in.PaginationToken, in.Limit)
	if err != nil {
		return nil, err
	}
	return &api.AdminListDevicesOutput{Devices: list, PaginationToken: next}, nil
}

// ForgetDevice implements api.Service.
func (s *Service) ForgetDevice(ctx context.Context, call *pipeline.Call, in *api.ForgetDeviceInput) (*api.ForgetDeviceOutput, error) {
	o, err := s.selfOwner(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := o.forget(in.DeviceKey); err != nil {
		return nil, err
	}
	return &api.ForgetDeviceOutput{}, nil
}

// AdminForgetDevice implements api.Service.
func (s *Service) AdminForgetDevice(ctx context.Context, call *pipeline.Call, in *api.AdminForgetDeviceInput) (*api.AdminForgetDeviceOutput, error) {
	o, err := s.namedOwner(ctx, call, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	if err := o.forget(in.DeviceKey); err != nil {
		return nil, err
	}
	return &api.AdminForgetDeviceOutput{}, nil
}

// UpdateDeviceStatus implements api.Service.
func (s *Service) UpdateDeviceStatus(ctx context.Context, call *pipeline.Call, in *api.UpdateDeviceStatusInput) (*api.UpdateDeviceStatusOutput, error) {
	o, err := s.selfOwner(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := o.setStatus(in.DeviceKey, in.DeviceRememberedStatus); err != nil {
		return nil, err
	}
	return &api.UpdateDeviceStatusOutput{}, nil
}

// AdminUpdateDeviceStatus implements api.Service.
func (s *Service) AdminUpdateDeviceStatus(ctx context.Context, call *pipeline.Call, in *api.AdminUpdateDeviceStatusInput) (*api.AdminUpdateDeviceStatusOutput, error) {
	o, err := s.namedOwner(ctx, call, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	if err := o.setStatus(in.DeviceKey, in.DeviceRememberedStatus); err != nil {
		return nil, err
	}
	return &api.AdminUpdateDeviceStatusOutput{}, nil
}
