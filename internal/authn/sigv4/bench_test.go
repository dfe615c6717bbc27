package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"
)

func benchRequest(t testing.TB) (*http.Request, []byte) {
	body := []byte(`{"TableName":"t","Item":{"pk":{"S":"acme#1"},"v":{"S":"` + strings.Repeat("x", 380) + `"}}}`)
	return signed(t, "dynamodb", "POST", "http://127.0.0.1:4600/", string(body), "", func(r *http.Request) {
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	}), body
}

func BenchmarkVerify(b *testing.B) {
	v := newTestVerifier(testTime)
	r, body := benchRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := verify(v, r, body); err != nil {
			b.Fatal(err)
		}
	}
}

// hashes returns the floor: the hashes that no verification can leave out, over the very texts of the request.
func hashes(b *testing.B, r *http.Request, body []byte) func() {
	b.Helper()
	sig, err := Parse(r)
	if err != nil {
		b.Fatal(err)
	}
	s := &scratch{d: newDigest()}
	if err := s.canonical(r, &sig, &otherRules, body); err != nil {
		b.Fatal(err)
	}
	creq := slices.Clone(s.buf)
	if err := s.stringToSign(r, &sig, &otherRules, body); err != nil {
		b.Fatal(err)
	}
	sts := slices.Clone(s.buf)
	var k macKey
	if err := k.deriveKey(s.d, []byte(testSecret), sig.Date, sig.Region, sig.Service); err != nil {
		b.Fatal(err)
	}
	return func() {
		sha256.Sum256(body)
		sha256.Sum256(creq)
		if err := k.sum(s.d, &s.sum, sts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHashes(b *testing.B) {
	r, body := benchRequest(b)
	floor := hashes(b, r, body)
	for b.Loop() {
		floor()
	}
}

// BenchmarkRatios runs verification, floor and textbook in turns and reports the medians of their ratios.
func BenchmarkRatios(b *testing.B) {
	v := newTestVerifier(testTime)
	r, body := benchRequest(b)
	floor := hashes(b, r, body)
	timed := func(f func()) float64 {
		start := time.Now()
		for range 2000 {
			f()
		}
		return float64(time.Since(start))
	}
	var ofFloor, ofTextbook []float64
	for b.Loop() {
		own := timed(func() {
			if err := verify(v, r, body); err != nil {
				b.Fatal(err)
			}
		})
		ofFloor = append(ofFloor, timed(floor)/own)
		ofTextbook = append(ofTextbook, timed(func() { textbookVerify(r, body) })/own)
	}
	for name, list := range map[string][]float64{"of-hashes": ofFloor, "of-textbook": ofTextbook} {
		slices.Sort(list)
		b.ReportMetric(list[len(list)/2], name)
	}
}

// BenchmarkTextbook is what the guide's steps cost when written down plainly.
func BenchmarkTextbook(b *testing.B) {
	r, body := benchRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		if !textbookVerify(r, body) {
			b.Fatal("mismatch")
		}
	}
}

func textbookVerify(r *http.Request, body []byte) bool {
	auth := r.Header.Get("Authorization")
	cut := func(name string) string {
		_, s, _ := strings.Cut(auth, name+"=")
		s, _, _ = strings.Cut(s, ",")
		return s
	}
	list := cut("SignedHeaders")
	var lines []string
	for _, h := range strings.Split(list, ";") {
		v := strings.Join(r.Header[textproto.CanonicalMIMEHeaderKey(h)], ",")
		switch h {
		case "host":
			v = r.Host
		case "content-length":
			v = r.Header.Get("Content-Length")
		}
		lines = append(lines, h+":"+strings.TrimSpace(v)+"\n")
	}
	sum := sha256.Sum256(body)
	creq := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.Query().Encode(), strings.Join(lines, ""), list,
		hex.EncodeToString(sum[:])}, "\n")
	scope := strings.SplitN(cut("Credential"), "/", 2)[1]
	p := strings.Split(scope, "/")
	sts := strings.Join([]string{Algorithm, r.Header.Get("X-Amz-Date"), scope, sha256Hex(creq)}, "\n")
	return textbookMAC(testSecret, p[0], p[1], p[2], sts) == cut("Signature")
}
