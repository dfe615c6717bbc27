package poolsettings

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// looks are what the pages use of a branding's settings, in the settings' own structure. The rest is kept and shown by
// the API, and changes nothing.
type looks struct {
	Categories struct {
		Global struct {
			ColorSchemeMode string `json:"colorSchemeMode"`
		} `json:"global"`
	} `json:"categories"`
	Components struct {
		PageBackground look `json:"pageBackground"`
		PageText       look `json:"pageText"`
		PrimaryButton  look `json:"primaryButton"`
		Form           look `json:"form"`
	} `json:"components"`
	ComponentClasses struct {
		Link       look `json:"link"`
		Input      look `json:"input"`
		InputLabel look `json:"inputLabel"`
		FocusState look `json:"focusState"`
		Divider    look `json:"divider"`
		Buttons    look `json:"buttons"`
	} `json:"componentClasses"`
}

// look is how one part of a page looks.
type look struct {
	LightMode    colours  `json:"lightMode"`
	DarkMode     colours  `json:"darkMode"`
	BorderRadius *float64 `json:"borderRadius"`
}

// colours are hexadecimal, RRGGBB or RRGGBBAA.
type colours struct {
	Color            string `json:"color"`
	BackgroundColor  string `json:"backgroundColor"`
	BorderColor      string `json:"borderColor"`
	TextColor        string `json:"textColor"`
	HeadingColor     string `json:"headingColor"`
	DescriptionColor string `json:"descriptionColor"`
	Defaults         *state `json:"defaults"`
	Hover            *state `json:"hover"`
}

// state is how a part looks while it is used in some way.
type state struct {
	BackgroundColor string `json:"backgroundColor"`
	BorderColor     string `json:"borderColor"`
	TextColor       string `json:"textColor"`
}

// ReadLooks reads the settings of a branding, which have to be a JSON object.
func ReadLooks(settings json.RawMessage) (*looks, error) {
	l := &looks{}
	if !bytes.HasPrefix(bytes.TrimSpace(settings), []byte("{")) || json.Unmarshal(settings, l) != nil {
		return nil, refusal.Invalid("Settings are not a valid managed login branding.")
	}
	if mode := l.Categories.Global.ColorSchemeMode; mode != "" && !slices.Contains([]string{"LIGHT", "DARK", "DYNAMIC"}, mode) {
		return nil, refusal.Invalid("colorSchemeMode has to be LIGHT, DARK or DYNAMIC.")
	}
	return l, nil
}

var hexColour = regexp.MustCompile(`^#?[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?$`)

// CSS is a style sheet that sets the variables of the pages' own: nothing of the settings but colours and lengths gets
// into it.
func (l *looks) CSS() string {
	light := l.variables(func(k look) colours { return k.LightMode })
	dark := l.variables(func(k look) colours { return k.DarkMode })
	switch l.Categories.Global.ColorSchemeMode {
	case "LIGHT":
		return ":root{color-scheme:light;" + light + "}\n"
	case "DARK":
		return ":root{color-scheme:dark;" + dark + "}\n"
	}
	return ":root{" + light + "}\n@media (prefers-color-scheme:dark){:root{" + dark + "}}\n"
}

func (l *looks) variables(of func(look) colours) string {
	var out strings.Builder
	set := func(name, colour string) {
		if hexColour.MatchString(colour) {
			out.WriteString("--" + name + ":#" + strings.TrimPrefix(colour, "#") + ";")
		}
	}
	button, link, input := of(l.Components.PrimaryButton), of(l.ComponentClasses.Link), of(l.ComponentClasses.Input)
	page, text, form := of(l.Components.PageBackground), of(l.Components.PageText), of(l.Components.Form)
	set("page", page.Color)
	set("page-glow", page.Color)
	set("text", text.HeadingColor)
	set("soft", text.DescriptionColor)
	set("card", form.BackgroundColor)
	set("line", form.BorderColor)
	set("ring", of(l.ComponentClasses.FocusState).BorderColor)
	if d := button.Defaults; d != nil {
		set("accent", d.BackgroundColor)
		set("on-accent", d.TextColor)
	}
	if h := button.Hover; h != nil {
		set("accent-hover", h.BackgroundColor)
	}
	if d := link.Defaults; d != nil {
		set("link", d.TextColor)
	}
	if d := input.Defaults; d != nil {
		set("field", d.BackgroundColor)
		set("field-line", d.BorderColor)
	}
	if r := l.ComponentClasses.Buttons.BorderRadius; r != nil && *r >= 0 && *r <= 64 {
		fmt.Fprintf(&out, "--radius:%gpx;", *r)
	}
	return out.String()
}

// looksLikeSVG reports whether the bytes are an XML document whose root is svg, without a document type, which could make
// entities.
func looksLikeSVG(b []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(b))
	root := ""
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root == "svg"
		}
		if err != nil {
			return false
		}
		switch t := t.(type) {
		case xml.Directive:
			return false
		case xml.StartElement:
			if root == "" {
				root = t.Name.Local
			}
		}
	}
}
