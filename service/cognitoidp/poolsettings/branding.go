package poolsettings

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Branding is how managed login looks for an app client ("Apply branding to managed login pages", Amazon Cognito
// Developer Guide).
type Branding struct {
	ID, Client string
	// Provided is true for the looks that the server has by itself.
	Provided          bool
	Settings          json.RawMessage
	Assets            []api.AssetType
	Created, Modified time.Time
}

func brandingKey(pool, id string) store.Key { return userpool.InPool(pool, "branding", id) }

func brandedKey(pool, client string) store.Key { return userpool.InPool(pool, "branded", client) }

// Limits of a branding ("CreateManagedLoginBranding", Amazon Cognito user pools API reference).
const (
	maxSettings = 128 << 10
	maxAssets   = 2 << 20
)

// AssetTypes are the media types of assets by their extension.
var AssetTypes = map[api.AssetExtensionType]string{
	api.AssetExtensionTypePng: "image/png", api.AssetExtensionTypeJpeg: "image/jpeg", api.AssetExtensionTypeWebp: "image/webp",
	api.AssetExtensionTypeIco: "image/x-icon", api.AssetExtensionTypeSvg: "image/svg+xml",
}

// checkAssets checks that assets are what they are called. SVG is served only as an image, under a policy that lets it run
// and load nothing.
func checkAssets(assets []api.AssetType) error {
	total := 0
	for i := range assets {
		a := &assets[i]
		total += len(a.Bytes)
		kind, ok := AssetTypes[a.Extension]
		switch {
		case !ok || len(a.Bytes) == 0:
			return refusal.Invalid("An asset has no bytes or an unknown extension.")
		case a.Extension == api.AssetExtensionTypeSvg:
			if !looksLikeSVG(a.Bytes) {
				return refusal.Invalid("An asset is not the SVG that its extension says.")
			}
		case imageType(a.Bytes) != kind:
			return refusal.Invalid("An asset is not the %s that its extension says.", a.Extension)
		}
		for j := range i {
			if b := &assets[j]; b.Category == a.Category && b.ColorMode == a.ColorMode && opt.Value(b.ResourceId) == opt.Value(a.ResourceId) {
				return refusal.Invalid("An asset of category %s is there twice for its colour mode.", a.Category)
			}
		}
	}
	if total > maxAssets {
		return refusal.Invalid("Assets are larger than 2 MB together.")
	}
	return nil
}

// newBranding checks what creating and updating have in common.
func newBranding(provided *bool, settings json.RawMessage, assets []api.AssetType) (*Branding, error) {
	b := &Branding{Provided: opt.Value(provided), Settings: settings, Assets: assets}
	if b.Provided && (len(settings) > 0 || len(assets) > 0) {
		return nil, refusal.Invalid("UseCognitoProvidedValues cannot be with Settings or Assets.")
	}
	if len(settings) > maxSettings {
		return nil, refusal.Invalid("Settings are too large.")
	}
	if len(settings) > 0 {
		if _, err := ReadLooks(settings); err != nil {
			return nil, err
		}
	}
	return b, checkAssets(assets)
}

func (b *Branding) describe(pool string) *api.ManagedLoginBrandingType {
	return &api.ManagedLoginBrandingType{
		ManagedLoginBrandingId: new(b.ID), UserPoolId: new(pool), UseCognitoProvidedValues: new(b.Provided), Settings: b.Settings,
		Assets: b.Assets, CreationDate: new(b.Created), LastModifiedDate: new(b.Modified),
	}
}

func brandingNotFound() error {
	return api.NewResourceNotFoundException("Managed login branding does not exist.")
}

func (c *Request) mustBranding(rec *store.Records, id *string) (*Branding, error) {
	return userpool.Must[Branding](rec, brandingKey(c.Pool.ID, opt.Value(id)), brandingNotFound())
}

// BrandingOf returns the branding of an app client, nil if it has none.
func (c *Request) BrandingOf(rec *store.Records, client string) (*Branding, error) {
	r, err := store.Load[userpool.Ref](rec, brandedKey(c.Pool.ID, client))
	if err != nil || r == nil {
		return nil, err
	}
	return store.Load[Branding](rec, brandingKey(c.Pool.ID, r.Sub))
}

// CreateManagedLoginBranding implements api.Service.
func (s *Administrator) CreateManagedLoginBranding(ctx context.Context, call *pipeline.Call, in *api.CreateManagedLoginBrandingInput) (*api.CreateManagedLoginBrandingOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	b, err := newBranding(in.UseCognitoProvidedValues, in.Settings, in.Assets)
	if err != nil {
		return nil, err
	}
	b.ID, b.Client, b.Created, b.Modified = uuid.NewString(), app.ID, call.Now, call.Now
	err = c.Update(func(rec *store.Records) error {
		if have, err := c.BrandingOf(rec, app.ID); err != nil {
			return err
		} else if have != nil {
			return api.NewManagedLoginBrandingExistsException("The app client has a managed login branding already.")
		}
		if err := store.Save(rec, brandedKey(c.Pool.ID, app.ID), &userpool.Ref{Sub: b.ID}); err != nil {
			return err
		}
		return store.Save(rec, brandingKey(c.Pool.ID, b.ID), b)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateManagedLoginBrandingOutput{ManagedLoginBranding: b.describe(c.Pool.ID)}, nil
}

// UpdateManagedLoginBranding implements api.Service. What it does not name stays.
func (s *Administrator) UpdateManagedLoginBranding(ctx context.Context, call *pipeline.Call, in *api.UpdateManagedLoginBrandingInput) (*api.UpdateManagedLoginBrandingOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	set, err := newBranding(in.UseCognitoProvidedValues, in.Settings, in.Assets)
	if err != nil {
		return nil, err
	}
	var b *Branding
	err = c.Update(func(rec *store.Records) (err error) {
		if b, err = c.mustBranding(rec, in.ManagedLoginBrandingId); err != nil {
			return err
		}
		switch {
		case set.Provided:
			b.Provided, b.Settings, b.Assets = true, nil, nil
		default:
			if set.Settings != nil {
				b.Settings, b.Provided = set.Settings, false
			}
			if in.Assets != nil {
				b.Assets, b.Provided = set.Assets, false
			}
		}
		b.Modified = call.Now
		return store.Save(rec, brandingKey(c.Pool.ID, b.ID), b)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateManagedLoginBrandingOutput{ManagedLoginBranding: b.describe(c.Pool.ID)}, nil
}

// DescribeManagedLoginBranding implements api.Service.
func (s *Administrator) DescribeManagedLoginBranding(ctx context.Context, call *pipeline.Call, in *api.DescribeManagedLoginBrandingInput) (*api.DescribeManagedLoginBrandingOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	b, err := userpool.Read(c, func(rec *store.Records) (*Branding, error) {
		return c.mustBranding(rec, in.ManagedLoginBrandingId)
	})
	if err != nil {
		return nil, err
	}
	return &api.DescribeManagedLoginBrandingOutput{ManagedLoginBranding: b.describe(c.Pool.ID)}, nil
}

// DescribeManagedLoginBrandingByClient implements api.Service.
func (s *Administrator) DescribeManagedLoginBrandingByClient(ctx context.Context, call *pipeline.Call, in *api.DescribeManagedLoginBrandingByClientInput) (*api.DescribeManagedLoginBrandingByClientOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if _, err := c.Client(opt.Value(in.ClientId)); err != nil {
		return nil, err
	}
	b, err := userpool.Read(c, func(rec *store.Records) (*Branding, error) {
		return c.BrandingOf(rec, opt.Value(in.ClientId))
	})
	if err == nil && b == nil {
		err = brandingNotFound()
	}
	if err != nil {
		return nil, err
	}
	return &api.DescribeManagedLoginBrandingByClientOutput{ManagedLoginBranding: b.describe(c.Pool.ID)}, nil
}

// DeleteManagedLoginBranding implements api.Service.
func (s *Administrator) DeleteManagedLoginBranding(ctx context.Context, call *pipeline.Call, in *api.DeleteManagedLoginBrandingInput) (*api.DeleteManagedLoginBrandingOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		b, err := c.mustBranding(rec, in.ManagedLoginBrandingId)
		if err != nil {
			return err
		}
		if err := rec.Delete(brandedKey(c.Pool.ID, b.Client)); err != nil {
			return err
		}
		return rec.Delete(brandingKey(c.Pool.ID, b.ID))
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteManagedLoginBrandingOutput{}, nil
}
