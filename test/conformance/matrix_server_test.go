package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bulkhead/bulkhead/internal/app"
)

const (
	region  = "us-east-1"
	account = "000000000000"
)

// model is what a request of a service looks like on the wire.
type model struct {
	Metadata struct {
		APIVersion   string `json:"apiVersion"`
		Protocol     string `json:"protocol"`
		JSONVersion  string `json:"jsonVersion"`
		TargetPrefix string `json:"targetPrefix"`
	} `json:"metadata"`
	Operations map[string]struct {
		HTTP struct {
			Method string `json:"method"`
			Path   string `json:"requestUri"`
		} `json:"http"`
	} `json:"operations"`
	served []string
	// signingName is the service in the scope of signatures.
	signingName string
}

// models reads the facts of every service and which of its operations are served.
func models(t *testing.T) map[string]*model {
	t.Helper()
	files, err := filepath.Glob("../../models/*.ops.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("find models: %v", err)
	}
	all := map[string]*model{}
	for _, f := range files {
		var ops struct {
			SigningName string                     `json:"signingName"`
			Operations  map[string]json.RawMessage `json:"operations"`
		}
		m := &model{}
		readJSON(t, f, &ops)
		m.signingName = ops.SigningName
		readJSON(t, strings.TrimSuffix(f, ".ops.json")+".json", m)
		for name := range ops.Operations {
			m.served = append(m.served, name)
		}
		sort.Strings(m.served)
		all[strings.TrimSuffix(filepath.Base(f), ".ops.json")] = m
	}
	return all
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// world is a server in this process and how to call it.
type world struct {
	t      *testing.T
	url    string
	models map[string]*model
	root   *aws.Credentials
	signer *v4.Signer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := app.DefaultConfig()
	c.Store, c.Data, c.Account = "memory", t.TempDir(), account
	c.RootAccessKeyID, c.RootSecretAccessKey = "AKIAMATRIXROOTKEY234", strings.Repeat("r", 40)
	c.Logger = slog.New(slog.DiscardHandler)
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a.Handler())
	t.Cleanup(func() {
		srv.Close()
		if err := a.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return &world{
		t: t, url: srv.URL, models: models(t), signer: v4.NewSigner(),
		root: &aws.Credentials{AccessKeyID: c.RootAccessKeyID, SecretAccessKey: c.RootSecretAccessKey},
	}
}

// answer is what a call led to: the code is "" for a success.
type answer struct {
	code string
	text string
	body []byte
}

// get returns a member of a JSON or XML answer by its name, wherever it is.
func (a *answer) get(t *testing.T, name string) string {
	t.Helper()
	if v, ok := findJSON(a.body, name); ok {
		return v
	}
	if v, ok := findXML(a.body, name); ok {
		return v
	}
	t.Fatalf("no %s in %s", name, a.body)
	return ""
}

func findJSON(body []byte, name string) (string, bool) {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return "", false
	}
	var walk func(any) (string, bool)
	walk = func(v any) (string, bool) {
		switch v := v.(type) {
		case map[string]any:
			if s, ok := v[name].(string); ok {
				return s, true
			}
			for _, m := range v {
				if s, ok := walk(m); ok {
					return s, true
				}
			}
		case []any:
			for _, m := range v {
				if s, ok := walk(m); ok {
					return s, true
				}
			}
		}
		return "", false
	}
	return walk(v)
}

func findXML(body []byte, name string) (string, bool) {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		tok, err := d.Token()
		if err != nil {
			return "", false
		}
		if s, ok := tok.(xml.StartElement); ok && s.Name.Local == name {
			var text string
			if d.DecodeElement(&text, &s) != nil {
				return "", false
			}
			return text, true
		}
	}
}

// must calls as the root user and fails the test if that is refused.
func (w *world) must(op, input string) *answer {
	w.t.Helper()
	a := w.call(w.root, op, input)
	if a.code != "" {
		w.t.Fatalf("%s %s: %s: %s", op, input, a.code, a.text)
	}
	return a
}

// call sends "service.Operation" with an input in JSON, whatever the protocol. Nil credentials send it unsigned.
func (w *world) call(creds *aws.Credentials, op, input string) *answer {
	w.t.Helper()
	service, name, _ := strings.Cut(op, ".")
	m := w.models[service]
	req, body := w.request(m, name, input)
	if creds != nil {
		sum := sha256.Sum256(body)
		if err := w.signer.SignHTTP(w.t.Context(), *creds, req, hex.EncodeToString(sum[:]), m.signingName, region, time.Now()); err != nil {
			w.t.Fatal(err)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	a := &answer{}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode/100 == 2 {
		return a
	}
	a.code = resp.Header.Get("X-Amzn-Errortype")
	if a.code == "" {
		a.code, _ = findJSON(a.body, "__type")
	}
	if a.code == "" {
		a.code, _ = findXML(a.body, "Code")
	}
	a.code = a.code[strings.LastIndexByte(a.code, '#')+1:]
	a.code, _, _ = strings.Cut(a.code, ":")
	if a.code == "" {
		a.code = strconv.Itoa(resp.StatusCode)
	}
	a.text = string(a.body)
	return a
}

func (w *world) request(m *model, name, input string) (*http.Request, []byte) {
	w.t.Helper()
	method, path, contentType := http.MethodPost, "/", "application/x-amz-json-"+m.Metadata.JSONVersion
	body := []byte(input)
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		w.t.Fatalf("input of %s: %v\n%s", name, err, input)
	}
	switch m.Metadata.Protocol {
	case "query":
		form := url.Values{"Action": {name}, "Version": {m.Metadata.APIVersion}}
		flatten(form, "", in)
		body, contentType = []byte(form.Encode()), "application/x-www-form-urlencoded; charset=utf-8"
	case "rest-json":
		method, path, contentType = m.Operations[name].HTTP.Method, m.Operations[name].HTTP.Path, "application/json"
		for k, v := range in {
			path = strings.ReplaceAll(path, "{"+k+"}", url.PathEscape(fmt.Sprint(v)))
		}
		if method != http.MethodPost && method != http.MethodPut {
			body = nil
		}
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if m.Metadata.TargetPrefix != "" {
		req.Header.Set("X-Amz-Target", m.Metadata.TargetPrefix+"."+name)
	}
	return req, body
}

// flatten writes an input as the query protocol does.
func flatten(form url.Values, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, m := range v {
			flatten(form, strings.TrimPrefix(at+"."+k, "."), m)
		}
	case []any:
		for i, m := range v {
			flatten(form, fmt.Sprintf("%s.member.%d", at, i+1), m)
		}
	default:
		form.Set(at, fmt.Sprint(v))
	}
}

// credentials reads the credentials in an answer.
func (w *world) credentials(a *answer) *aws.Credentials {
	w.t.Helper()
	if a.code != "" {
		w.t.Fatalf("no credentials: %s: %s", a.code, a.text)
	}
	c := &aws.Credentials{AccessKeyID: a.get(w.t, "AccessKeyId"), SecretAccessKey: a.get(w.t, "SecretAccessKey")}
	if token, ok := findXML(a.body, "SessionToken"); ok {
		c.SessionToken = token
	}
	return c
}
