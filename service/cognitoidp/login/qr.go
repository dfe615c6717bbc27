package login

import (
	"encoding/base32"
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"rsc.io/qr"

	"github.com/bulkhead/bulkhead/service/cognitoidp"
)

// showSecret shows the key for an authenticator app: as text, and as an image that apps read. Both are in the page alone,
// never in an address.
func (q *request) showSecret(v *view) {
	key := v.Parameters[cognitoidp.ParamSecret]
	if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(key, "=")); err != nil {
		return
	}
	v.Secret = grouped(key)
	v.QR = qrImage(keyAddress(v.Page.Name(), v.Username, key))
}

// grouped breaks a key into groups that are easy to copy by eye.
func grouped(key string) string {
	const size = 4
	var out strings.Builder
	for i, r := range key {
		if i > 0 && i%size == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// keyAddress is the key as apps take it ("Key Uri Format", Google Authenticator).
func keyAddress(issuer, name, key string) string {
	label := url.PathEscape(issuer) + ":" + url.PathEscape(name)
	query := url.Values{"secret": {strings.TrimRight(key, "=")}, "issuer": {issuer}}
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
}

// quiet is the white border around a code, in modules (ISO/IEC 18004 section 5.3.8).
const quiet = 4

// qrImage draws a QR code as SVG within the page. Empty for text that is too long for one: the key stands beside it.
func qrImage(text string) template.HTML {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return ""
	}
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	size := code.Size + 2*quiet
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers alone
		`<svg class="qr" role="img" aria-label="QR code with the key" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path d="%s"/></svg>`+"\n",
		size, size, path.String()))
}
