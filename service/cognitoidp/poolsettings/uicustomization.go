package poolsettings

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// allClients stands for every app client that has no customization of its own.
const allClients = "ALL"

// Customization is how the classic pages of an app client look.
type Customization struct {
	Client            string
	CSS, Version      string
	Image             []byte
	ImageType         string
	Created, Modified time.Time
}

func customizationKey(pool, client string) store.Key { return userpool.InPool(pool, "ui", client) }

// maxLogo is the size of a logo of the classic pages ("Classic hosted UI branding", Amazon Cognito Developer Guide).
const maxLogo = 100 << 10

// customClasses are what the CSS of the classic pages may style.
var customClasses = []string{
	"logo-customizable", "banner-customizable", "label-customizable", "textDescription-customizable", "idpDescription-customizable",
	"legalText-customizable", "submitButton-customizable", "errorMessage-customizable", "inputField-customizable",
	"idpButton-customizable", "socialButton-customizable", "redirect-customizable", "passwordCheck-notValid-customizable",
	"passwordCheck-valid-customizable", "background-customizable",
}

// customProperties are what it may set: looks, and nothing that moves things over others or loads anything.
var customProperties = regexp.MustCompile(`^(?:color|background|background-color|opacity|box-shadow|line-height|letter-spacing|` +
	`text-(?:align|decoration|transform|indent|shadow)|font(?:-(?:family|size|style|weight|variant))?|` +
	`border(?:-(?:top|right|bottom|left))?(?:-(?:color|style|width))?|border-(?:(?:top|bottom)-(?:left|right)-)?radius|` +
	`(?:padding|margin)(?:-(?:top|right|bottom|left))?|(?:max-|min-)?(?:width|height)|display|vertical-align|overflow|outline)$`)

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssRule    = regexp.MustCompile(`^\s*([^{}]*?)\s*\{([^{}]*)\}`)
	cssTarget  = regexp.MustCompile(`^\.([A-Za-z-]+)(?::(?:hover|focus|active|disabled))?$`)
	// cssValue has no quotes, backslashes or angle brackets; functions are those of colours and lengths.
	cssValue    = regexp.MustCompile(`^[A-Za-z0-9#%.,!()/ +-]{1,200}$`)
	cssFunction = regexp.MustCompile(`([A-Za-z-]*)\(`)
)

var cssFunctions = []string{"rgb", "rgba", "hsl", "hsla", "calc", ""}

// cleanCSS reads the CSS of a customization and writes it anew from what is allowed. What is not is refused: a style sheet
// can send what a page shows to somebody else.
func cleanCSS(text string) (string, error) {
	text = cssComment.ReplaceAllString(text, " ")
	var out strings.Builder
	for strings.TrimSpace(text) != "" {
		m := cssRule.FindStringSubmatch(text)
		if m == nil {
			return "", refusal.Invalid("The CSS is not valid.")
		}
		text = text[len(m[0]):]
		target := cssTarget.FindStringSubmatch(m[1])
		if target == nil || !slices.Contains(customClasses, target[1]) {
			return "", refusal.Invalid("Invalid CSS class name: %s", m[1])
		}
		out.WriteString(m[1] + "{")
		for part := range strings.SplitSeq(m[2], ";") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			declaration, err := cleanDeclaration(part)
			if err != nil {
				return "", err
			}
			out.WriteString(declaration + ";")
		}
		out.WriteString("}\n")
	}
	return out.String(), nil
}

func cleanDeclaration(text string) (string, error) {
	name, value, ok := strings.Cut(text, ":")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.Join(strings.Fields(value), " ")
	if !ok || !customProperties.MatchString(name) || !cssValue.MatchString(value) {
		return "", refusal.Invalid("Invalid CSS: %s", strings.TrimSpace(text))
	}
	for _, f := range cssFunction.FindAllStringSubmatch(value, -1) {
		if !slices.Contains(cssFunctions, strings.ToLower(f[1])) {
			return "", refusal.Invalid("Invalid CSS: %s", strings.TrimSpace(text))
		}
	}
	return name + ":" + value, nil
}

// imageTypes are the formats of images by their first bytes.
var imageTypes = []struct{ magic, kind string }{
	{"\x89PNG\r\n\x1a\n", "image/png"}, {"\xff\xd8\xff", "image/jpeg"}, {"GIF8", "image/gif"}, {"\x00\x00\x01\x00", "image/x-icon"},
}

// imageType is the media type of an image, "" for anything else. It goes by what the bytes are, not by what they are
// called.
func imageType(b []byte) string {
	for _, t := range imageTypes {
		if bytes.HasPrefix(b, []byte(t.magic)) {
			return t.kind
		}
	}
	if len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP" {
		return "image/webp"
	}
	return ""
}

// SetUICustomization implements api.Service.
func (s *Administrator) SetUICustomization(ctx context.Context, call *pipeline.Call, in *api.SetUICustomizationInput) (*api.SetUICustomizationOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	who, err := c.customizes(in.ClientId)
	if err != nil {
		return nil, err
	}
	u := &Customization{Client: who, Image: in.ImageFile, Version: call.Now.UTC().Format("20060102150405"), Created: call.Now, Modified: call.Now}
	if u.CSS, err = cleanCSS(opt.Value(in.CSS)); err != nil {
		return nil, err
	}
	if len(u.Image) > 0 {
		u.ImageType = imageType(u.Image)
		if len(u.Image) > maxLogo || !slices.Contains([]string{"image/png", "image/jpeg", "image/gif"}, u.ImageType) {
			return nil, refusal.Invalid("The image has to be a PNG, JPEG or GIF of at most 100 KB.")
		}
	}
	err = c.Update(func(rec *store.Records) error {
		before, err := store.Load[Customization](rec, customizationKey(c.Pool.ID, who))
		if err != nil {
			return err
		}
		if before != nil {
			u.Created = before.Created
			if in.ImageFile == nil {
				u.Image, u.ImageType = before.Image, before.ImageType
			}
		}
		return store.Save(rec, customizationKey(c.Pool.ID, who), u)
	})
	if err != nil {
		return nil, err
	}
	return &api.SetUICustomizationOutput{UICustomization: c.describeCustomization(u)}, nil
}

// customizes reads whose pages are meant. A pool needs a domain to have pages to customize, as with AWS.
func (c *Request) customizes(id *string) (string, error) {
	if len(c.Pool.Domains) == 0 {
		return "", refusal.Invalid("There has to be an existing domain associated with this user pool")
	}
	if v := opt.Value(id); v != "" && v != allClients {
		app, err := c.Client(v)
		if err != nil {
			return "", err
		}
		return app.ID, nil
	}
	return allClients, nil
}

func (c *Request) describeCustomization(u *Customization) *api.UICustomizationType {
	out := &api.UICustomizationType{
		UserPoolId: new(c.Pool.ID), ClientId: new(u.Client), CSS: opt.Present(u.CSS), CSSVersion: new(u.Version), CreationDate: new(u.Created),
		LastModifiedDate: new(u.Modified),
	}
	if len(u.Image) > 0 {
		out.ImageUrl = new("https://" + c.HostOf(c.Pool, &c.Pool.Domains[0]) + "/asset/logo?client_id=" + u.Client + "&v=" + u.Version)
	}
	return out
}

// GetUICustomization implements api.Service. A client without one of its own has the pool's.
func (s *Administrator) GetUICustomization(ctx context.Context, call *pipeline.Call, in *api.GetUICustomizationInput) (*api.GetUICustomizationOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	who, err := c.customizes(in.ClientId)
	if err != nil {
		return nil, err
	}
	out := &api.GetUICustomizationOutput{UICustomization: &api.UICustomizationType{UserPoolId: new(c.Pool.ID), ClientId: new(who)}}
	err = c.View(func(rec *store.Records) error {
		u, err := c.CustomizationOf(rec, who)
		if err == nil && u != nil {
			out.UICustomization = c.describeCustomization(u)
		}
		return err
	})
	return out, err
}

// CustomizationOf returns the customization that an app client has, nil if there is none.
func (c *Request) CustomizationOf(rec *store.Records, client string) (*Customization, error) {
	u, err := store.Load[Customization](rec, customizationKey(c.Pool.ID, client))
	if err == nil && u == nil && client != allClients {
		u, err = store.Load[Customization](rec, customizationKey(c.Pool.ID, allClients))
	}
	return u, err
}
