package hostile

import (
	"net/http"
	"strings"
	"testing"
)

// Headers that contradict each other or the signature are refused, with the client's error.
func TestHeaders(t *testing.T) {
	t.Parallel()
	body := []byte(`{"TableName":"abc","Key":{"pk":{"S":"x"}}}`)
	for name, tc := range map[string]struct {
		change func(*http.Request)
		want   []string
	}{
		"no signature": {func(r *http.Request) { r.Header.Del("Authorization") }, []string{"MissingAuthenticationToken"}},
		"other target than was signed": {func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.Scan") },
			[]string{"InvalidSignatureException"}},
		"two targets": {func(r *http.Request) { r.Header.Add("X-Amz-Target", "DynamoDB_20120810.Scan") },
			[]string{"UnknownOperationException"}},
		"unknown target": {func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.Nope") },
			[]string{"UnknownOperationException"}},
		"target without a dot": {func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB") },
			[]string{"UnknownOperationException"}},
		"two signatures": {func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
			[]string{"IncompleteSignatureException", "InvalidSignatureException"}},
		"both forms": {func(r *http.Request) { r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00" },
			[]string{"IncompleteSignatureException", "InvalidSignatureException"}},
		"two dates": {func(r *http.Request) { r.Header.Add("X-Amz-Date", "20200101T000000Z") },
			[]string{"IncompleteSignatureException", "InvalidSignatureException"}},
		"unsigned amz header": {func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") },
			[]string{"UnrecognizedClientException", "InvalidSignatureException"}},
		"other key": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), rootID, "AKIAHOSTILETESTSNONE", 1))
		}, []string{"UnrecognizedClientException"}},
		"other service's scope": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/dynamodb/", "/kms/", 1))
		}, []string{"InvalidSignatureException"}},
		"other region's scope": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), region, "eu-west-1", 1))
		}, []string{"InvalidSignatureException"}},
		"a region that is none": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/"+region+"/", "/zz/", 1))
		}, []string{"Credential should be scoped to a valid region"}},
		"other query": {func(r *http.Request) { r.URL.RawQuery = "a=b" }, []string{"InvalidSignatureException"}},
		"other path":  {func(r *http.Request) { r.URL.Path = "/x" }, []string{"InvalidSignatureException"}},
		"encoded body": {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
			[]string{"SerializationException"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tgt := &target{service: "dynamodb", method: http.MethodPost, path: "/", header: map[string]string{
				"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.GetItem",
			}}
			req := tgt.request(t, body)
			tc.change(req)
			status, answer := send(t, req)
			if status < 400 || status >= 500 {
				t.Fatalf("HTTP %d: %s", status, answer)
			}
			for _, want := range tc.want {
				if strings.Contains(answer, want) {
					return
				}
			}
			t.Errorf("answered %s, want one of %q", answer, tc.want)
		})
	}
}

// A body changed after signing is refused in every protocol.
func TestChangedBody(t *testing.T) {
	t.Parallel()
	for i := range targets {
		tgt := &targets[i]
		t.Run(tgt.name, func(t *testing.T) {
			t.Parallel()
			req := tgt.request(t, []byte(`{"Id":"acme"}`))
			other := tgt.request(t, []byte(`{"Id":"evil"}`))
			req.Body = other.Body
			status, answer := send(t, req)
			if status != http.StatusForbidden && status != http.StatusBadRequest || !strings.Contains(answer, "ignature") {
				t.Errorf("HTTP %d: %s", status, answer)
			}
		})
	}
}
