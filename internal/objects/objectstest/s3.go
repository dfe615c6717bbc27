// Package objectstest is a storage in memory that speaks as much of S3's API as package objects asks for, for tests.
package objectstest

import (
	"bytes"
	"crypto/md5" //nolint:gosec // what S3 calls an object's ETag
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// S3 is the storage. Buckets exist when they are in Buckets.
type S3 struct {
	// URL is where it is.
	URL string
	// Owner is the account that owns all buckets, as x-amz-expected-bucket-owner has to say.
	Owner string
	// Old is true of a storage that does not know If-Match, Bare of one that does not say which object it answers with.
	Old, Bare bool
	// Backwards is true of a storage that lists the last keys first: S3's own directory buckets have no order.
	Backwards bool
	// Fail answers a request instead of the storage, if it returns true.
	Fail func(http.ResponseWriter, *http.Request) bool

	mu      sync.Mutex
	buckets map[string]map[string][]byte
	uploads map[string]map[string][]byte
	headers []http.Header
}

// New starts a storage with buckets.
func New(t *testing.T, buckets ...string) *S3 {
	t.Helper()
	s := &S3{buckets: map[string]map[string][]byte{}, uploads: map[string]map[string][]byte{}}
	for _, b := range buckets {
		s.buckets[b] = map[string][]byte{}
	}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Object returns an object, and whether it is there.
func (s *S3) Object(bucket, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.buckets[bucket][key]
	return b, ok
}

// Headers are those of all requests so far.
func (s *S3) Headers() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.headers)
}

// Uploads is how many multipart uploads were begun and neither ended nor aborted.
func (s *S3) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

func (s *S3) serve(w http.ResponseWriter, r *http.Request) {
	if s.Fail != nil && s.Fail(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		Answer(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers = append(s.headers, r.Header.Clone())
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	bucket, ok := s.buckets[name]
	expected := r.Header.Get("X-Amz-Expected-Bucket-Owner")
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		Answer(w, http.StatusForbidden, "AccessDenied")
	case !ok:
		Answer(w, http.StatusNotFound, "NoSuchBucket")
	case expected != "" && expected != s.Owner:
		Answer(w, http.StatusForbidden, "AccessDenied")
	case key == "":
		s.list(w, bucket, r.URL.Query().Get("prefix"), r.URL.Query().Get("continuation-token"))
	case r.Method == http.MethodGet:
		s.get(w, r, bucket, key)
	default:
		s.write(w, r, bucket, key, body)
	}
}

// Answer writes an error as S3 does.
func Answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>m</Message></Error>", code) //nolint:errcheck // the client sees it
}

func etag(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // see the import
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (s *S3) get(w http.ResponseWriter, r *http.Request, bucket map[string][]byte, key string) {
	b, ok := bucket[key]
	if !ok {
		Answer(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	if match := r.Header.Get("If-Match"); match != "" && match != etag(b) && !s.Old {
		Answer(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	if !s.Bare {
		w.Header().Set("ETag", etag(b))
	}
	w.Write(b) //nolint:errcheck // the client sees it
}

type listed struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []content
}

type content struct {
	Key, ETag string
	Size      int
}

// list answers pages of two.
func (s *S3) list(w http.ResponseWriter, bucket map[string][]byte, prefix, after string) {
	var keys []string
	for k := range bucket {
		if strings.HasPrefix(k, prefix) && (after == "" || k != after && k < after == s.Backwards) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if s.Backwards {
		slices.Reverse(keys)
	}
	out := listed{IsTruncated: len(keys) > 2}
	for _, k := range keys[:min(2, len(keys))] {
		out.Contents = append(out.Contents, content{k, etag(bucket[k]), len(bucket[k])})
		if out.IsTruncated {
			out.NextContinuationToken = k
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(out) //nolint:errcheck // the client sees it
}

// write puts an object, whole or in parts.
func (s *S3) write(w http.ResponseWriter, r *http.Request, bucket map[string][]byte, key string, body []byte) {
	q := r.URL.Query()
	id := q.Get("uploadId")
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		id = fmt.Sprintf("u%d", len(s.headers))
		s.uploads[id] = map[string][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id) //nolint:errcheck // the client sees it
	case r.Method == http.MethodDelete:
		delete(s.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && id != "":
		s.uploads[id][fmt.Sprintf("%05s", q.Get("partNumber"))] = body
		w.Header().Set("ETag", etag(body))
	case r.Method == http.MethodPost:
		var parts []string
		for n := range s.uploads[id] {
			parts = append(parts, n)
		}
		slices.Sort(parts)
		var whole bytes.Buffer
		for _, n := range parts {
			whole.Write(s.uploads[id][n])
		}
		bucket[key] = whole.Bytes()
		delete(s.uploads, id)
		fmt.Fprintf(w, "<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>", etag(whole.Bytes())) //nolint:errcheck // the client sees it
	default:
		bucket[key] = body
		w.Header().Set("ETag", etag(body))
	}
}
