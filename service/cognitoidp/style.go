package cognitoidp

import (
	"context"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
)

// The names of the assets that pages show.
const (
	assetLogo     = "logo"
	assetLogoDark = "logo-dark"
)

// style is how the pages of an app client look: by branding, or for classic pages by customization.
type style struct {
	branding *poolsettings.Branding
	classic  *poolsettings.Customization
}

func (c *scoped) styleOf(client string) (*style, error) {
	s := &style{}
	err := c.View(func(rec *store.Records) (err error) {
		if poolsettings.LoginVersion(c.Pool) == poolsettings.ClassicLogin {
			s.classic, err = c.settings().CustomizationOf(rec, client)
			return err
		}
		s.branding, err = c.settings().BrandingOf(rec, client)
		return err
	})
	return s, err
}

// css is the client's style sheet, "" if it has none.
func (s *style) css() (string, error) {
	switch {
	case s.classic != nil:
		return s.classic.CSS, nil
	case s.branding != nil && len(s.branding.Settings) > 0:
		l, err := poolsettings.ReadLooks(s.branding.Settings)
		if err != nil {
			return "", err
		}
		return l.CSS(), nil
	}
	return "", nil
}

// version tells one state of the style from the next.
func (s *style) version() string {
	switch {
	case s.classic != nil:
		return s.classic.Version
	case s.branding != nil:
		return s.branding.Modified.UTC().Format("20060102150405.000000")
	}
	return ""
}

// asset returns an image and its media type; nil if there is none of the name.
func (s *style) asset(name string) ([]byte, string) {
	if s.classic != nil && name == assetLogo && len(s.classic.Image) > 0 {
		return s.classic.Image, s.classic.ImageType
	}
	if s.branding == nil {
		return nil, ""
	}
	for i := range s.branding.Assets {
		a := &s.branding.Assets[i]
		if a.Category != api.AssetCategoryTypeFormLogo && a.Category != api.AssetCategoryTypePageHeaderLogo {
			continue
		}
		if dark := a.ColorMode == api.ColorSchemeModeTypeDark; dark == (name == assetLogoDark) {
			return a.Bytes, poolsettings.AssetTypes[a.Extension]
		}
	}
	return nil, ""
}

// GetStyle implements login.Service.
func (o *oauth) GetStyle(ctx context.Context, call *pipeline.Call, in *login.GetStyleInput) (*login.GetStyleOutput, error) {
	c, app, err := o.app(ctx, call, in.PoolId, opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	s, err := c.styleOf(app.ID)
	if err != nil {
		return nil, err
	}
	css, err := s.css()
	return &login.GetStyleOutput{Css: &css}, err
}

// GetAsset implements login.Service. No content means that there is none of the name.
func (o *oauth) GetAsset(ctx context.Context, call *pipeline.Call, in *login.GetAssetInput) (*login.GetAssetOutput, error) {
	c, app, err := o.app(ctx, call, in.PoolId, opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	s, err := c.styleOf(app.ID)
	if err != nil {
		return nil, err
	}
	content, kind := s.asset(opt.Value(in.Name))
	return &login.GetAssetOutput{Content: content, Type: &kind}, nil
}

// dress adds to a page how it looks.
func (a *authorization) dress(out *login.GetPageOutput) error {
	s, err := a.styleOf(a.app.ID)
	if err != nil {
		return err
	}
	css, err := s.css()
	if err != nil {
		return err
	}
	if css != "" {
		out.Style = new(s.version())
	}
	for name, to := range map[string]**string{assetLogo: &out.Logo, assetLogoDark: &out.LogoDark} {
		if content, _ := s.asset(name); content != nil {
			*to = new(s.version())
		}
	}
	return nil
}

// linkTerms adds the documents that the sign-up page links to, in the language that the request asks for.
func (a *authorization) linkTerms(out *login.GetPageOutput) error {
	language := languages[strings.ToLower(opt.Value(a.req.Lang))]
	out.Terms = map[string]string{}
	return a.View(func(rec *store.Records) error {
		for _, name := range []string{"terms-of-use", "privacy-policy"} {
			t, err := a.settings().SameTerms(rec, name, a.app.ID)
			if err != nil || t == nil {
				if err != nil {
					return err
				}
				continue
			}
			if out.Terms[name] = t.Links[language]; out.Terms[name] == "" {
				out.Terms[name] = t.Links["cognito:default"]
			}
		}
		return nil
	})
}

// languages are what the lang parameter calls the languages of terms ("Managed login localization", Amazon Cognito
// Developer Guide).
var languages = map[string]string{
	"de": "cognito:german", "en": "cognito:english", "es": "cognito:spanish", "fr": "cognito:french", "id": "cognito:bahasa-indonesia",
	"it": "cognito:italian", "ja": "cognito:japanese", "ko": "cognito:korean", "nl": "cognito:dutch", "pt-br": "cognito:portuguese-brazil",
	"zh-cn": "cognito:chinese-simplified", "zh-tw": "cognito:chinese-traditional",
}
