package login

import (
	"net/http"

	api "github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// imagePolicy is for images, whose markup, if they are SVG, must neither run nor load anything, wherever they are opened.
const imagePolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

// asset is GET /asset/…: the style sheet and the images of an app client.
func (q *request) asset(name string) {
	if q.r.Method != http.MethodGet && q.r.Method != http.MethodHead {
		q.plainError(http.StatusMethodNotAllowed)
		return
	}
	client := q.query().get("client_id")
	h := q.w.Header()
	if name == "style.css" {
		out, err := run[api.GetStyleOutput](q, "GetStyle", &api.GetStyleInput{PoolId: &q.pool.ID, ClientId: client})
		if err != nil {
			q.plainError(http.StatusNotFound)
			return
		}
		h.Set("Content-Type", staticTypes[".css"])
		h.Set("Cache-Control", "private, max-age=3600")
		_, _ = q.w.Write([]byte(opt.Value(out.Css)))
		return
	}
	out, err := run[api.GetAssetOutput](q, "GetAsset", &api.GetAssetInput{PoolId: &q.pool.ID, ClientId: client, Name: &name})
	if err != nil || len(out.Content) == 0 {
		q.plainError(http.StatusNotFound)
		return
	}
	h.Set("Content-Type", opt.Value(out.Type))
	h.Set("Content-Security-Policy", imagePolicy)
	h.Set("Cache-Control", "private, max-age=3600")
	_, _ = q.w.Write(out.Content)
}
