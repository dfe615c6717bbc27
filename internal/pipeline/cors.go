package pipeline

import (
	"net/http"
	"strings"
)

// Scripts of every origin may call the APIs, as they may call AWS's endpoints, which answer so for every service: browsers
// send nothing along by which the server knows a caller (no cookies, no HTTP authentication), so a page gets no further
// than a program anywhere on the network. Credentials are what a page holds itself: a signature, or a token in the body.
//
// Access-Control-Allow-Credentials is never sent.
var (
	corsAny     = []string{"*"}
	corsExposed = []string{"x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date," + EventIDHeader}
	corsMethods = []string{"GET,POST,PUT,PATCH,DELETE"}
	corsMaxAge  = []string{"172800"} // AWS's: two days
	corsVary    = []string{"Access-Control-Request-Headers"}
)

// maxCORSHeaders bounds the names that a preflight asks for, in bytes.
const maxCORSHeaders = 2048

// shareWithScripts lets the page that sent a request read its answer (Fetch Standard section 3.3.3), and reports whether
// the request was a preflight, by which a browser asks before it sends the one that the page wants: that is answered then.
// A preflight has no signature and asks for no operation, so there is nothing to authorize or audit.
func shareWithScripts(h http.Header, req *http.Request) (preflight bool) {
	if req.Header.Get("Origin") == "" {
		return false
	}
	h["Access-Control-Allow-Origin"] = corsAny
	if req.Method != http.MethodOptions || req.Header.Get("Access-Control-Request-Method") == "" {
		h["Access-Control-Expose-Headers"] = corsExposed
		return false
	}
	h["Access-Control-Allow-Methods"] = corsMethods
	h["Access-Control-Max-Age"] = corsMaxAge
	h["Vary"] = corsVary
	if names := corsHeaders(req.Header.Get("Access-Control-Request-Headers")); names != "" {
		h["Access-Control-Allow-Headers"] = []string{names}
	}
	return true
}

// corsHeaders returns those of the names asked for that clients of AWS APIs send. It is not all of them, as AWS has it: what
// proxies tell this server by headers (X-Forwarded-For and the like) is not for the script of a page to say.
func corsHeaders(asked string) string {
	if len(asked) > maxCORSHeaders {
		return ""
	}
	var out []string
	for name := range strings.SplitSeq(asked, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); corsHeader(name) {
			out = append(out, name)
		}
	}
	return strings.Join(out, ",")
}

func corsHeader(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	switch name {
	case "accept", "authorization", "cache-control", "content-encoding", "content-length", "content-md5", "content-type", "host", "user-agent":
		return true
	}
	return strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "x-amzn-") || strings.HasPrefix(name, "amz-sdk-")
}
