package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/bulkhead/bulkhead/internal/awsclient"
)

// Bounds of exchanges with an outside storage.
const (
	answerTimeout = time.Minute // until an answer begins, for a write to be taken, and between two pieces of an object
	partSize      = 8 << 20     // of a multipart upload; an upload holds three at most
	listPage      = 1000
)

// S3Config says where an outside storage is.
type S3Config struct {
	Endpoint awsclient.Endpoint
	// Account holds all buckets but those that Buckets names with the accounts that hold them.
	Account string
	Buckets map[string]string
}

// S3 keeps objects in an outside storage that speaks S3's API, with the server's credentials for it and never a caller's.
type S3 struct {
	client   *s3.Client
	transfer *transfermanager.Client
	account  string
	buckets  map[string]string
}

var _ Store = (*S3)(nil)

// NewS3 returns the client of a storage. It connects when it is first used.
func NewS3(ctx context.Context, c S3Config) (*S3, error) {
	conf, hc, err := c.Endpoint.Configure(ctx, func(t *http.Transport) {
		t.ResponseHeaderTimeout = answerTimeout
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &taken{conn, answerTimeout}, nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	client := s3.NewFromConfig(conf, func(o *s3.Options) {
		o.BaseEndpoint, o.HTTPClient, o.UsePathStyle = aws.String(c.Endpoint.URL), hc, true
		// Storages that are not AWS's do not all know the newer checksums.
		o.RequestChecksumCalculation, o.ResponseChecksumValidation = aws.RequestChecksumCalculationWhenRequired, aws.ResponseChecksumValidationWhenRequired
	})
	transfer := transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partSize, partSize, 2
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
	return &S3{client: client, transfer: transfer, account: c.Account, buckets: c.Buckets}, nil
}

// taken ends an upload that the storage takes nothing of for a while: no other timeout holds until the answer begins.
type taken struct {
	net.Conn
	timeout time.Duration
}

func (t *taken) Write(p []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(t.timeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(p)
}

// Holder implements Store: the storage knows nothing of the accounts here, so the configuration says whose a bucket is.
func (s *S3) Holder(bucket, _, _ string) string {
	if account, ok := s.buckets[bucket]; ok {
		return account
	}
	return s.account
}

// Encrypts implements Store.
func (*S3) Encrypts() bool { return true }

// sse are the names that S3 has for what exports call an algorithm.
var sse = map[string]tmtypes.ServerSideEncryption{"AES256": tmtypes.ServerSideEncryptionAes256, "KMS": tmtypes.ServerSideEncryptionAwsKms}

// Put implements Store, with a multipart upload for what is larger than a part.
func (s *S3) Put(ctx context.Context, b Bucket, key string, body io.Reader, e Encryption) (string, error) {
	if err := s.checkKey(b, key); err != nil {
		return "", err
	}
	in := &transfermanager.UploadObjectInput{
		Bucket: &b.Name, Key: &key, Body: body, ExpectedBucketOwner: owner(b), ServerSideEncryption: sse[e.Algorithm],
	}
	if e.KeyID != "" {
		in.SSEKMSKeyID = &e.KeyID
	}
	out, err := s.transfer.UploadObject(ctx, in)
	if err != nil {
		return "", answered(err)
	}
	return unquoted(out.ETag), nil
}

// check refuses a bucket whose holder is another account than that which access was decided for.
func (s *S3) check(b Bucket) error {
	if err := CheckBucket(b.Name); err != nil {
		return noBucket(err)
	}
	if b.Account != s.Holder(b.Name, "", "") {
		return denied(errors.New("the bucket is another account's"))
	}
	return nil
}

// checkKey is check for what is about one object.
func (s *S3) checkKey(b Bucket, key string) error {
	if err := CheckKey(key); err != nil {
		return refused("%v", err)
	}
	return s.check(b)
}

func owner(b Bucket) *string {
	if b.Owner == "" {
		return nil
	}
	return &b.Owner
}

// Get implements Store. The storage may know If-Match or not: what it answers with is compared too.
func (s *S3) Get(ctx context.Context, b Bucket, key, etag string) (io.ReadCloser, error) {
	if err := s.checkKey(b, key); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	in := &s3.GetObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: owner(b)}
	if etag != "" {
		in.IfMatch = aws.String(`"` + etag + `"`)
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		cancel()
		if named(err) == "PreconditionFailed" {
			return nil, changed(key, err)
		}
		return nil, answered(err)
	}
	if etag != "" && out.ETag != nil && unquoted(out.ETag) != etag {
		err := changed(key, out.Body.Close())
		cancel()
		return nil, err
	}
	return &steady{r: out.Body, cancel: cancel, idle: time.AfterFunc(answerTimeout, cancel)}, nil
}

// steady ends the reading of an object whose storage falls silent.
type steady struct {
	r      io.ReadCloser
	cancel context.CancelFunc
	idle   *time.Timer
}

func (s *steady) Read(p []byte) (int, error) {
	s.idle.Reset(answerTimeout)
	n, err := s.r.Read(p)
	s.idle.Stop() // the reader may take its time
	return n, err
}

func (s *steady) Close() error {
	s.idle.Stop()
	err := s.r.Close()
	s.cancel()
	return err
}

// List implements Store. Objects that stand for folders are left out, as are keys that are no paths.
func (s *S3) List(ctx context.Context, b Bucket, prefix string, limit int) ([]Object, error) {
	if err := s.check(b); err != nil {
		return nil, err
	}
	var found []Object
	size := int32(listPage)
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: &prefix, ExpectedBucketOwner: owner(b), MaxKeys: &size})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, answered(err)
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			switch {
			case strings.HasSuffix(key, "/") && aws.ToInt64(o.Size) == 0:
				continue
			case CheckKey(key) != nil:
				return nil, refused("the key %q under the prefix is not one that can be imported", key)
			case len(found) == limit:
				return nil, errTooMany(limit)
			}
			found = append(found, Object{key, aws.ToInt64(o.Size), unquoted(o.ETag)})
		}
	}
	slices.SortFunc(found, byKey) // of some storages they come in no order
	return found, nil
}

// unquoted is an ETag without the quotes of HTTP.
func unquoted(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

// named is the code of an error of the storage, "" of others.
func named(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// answered says what an error of the storage means ("Error responses", Amazon S3 API Reference).
func answered(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("objects: %w", err)
	}
	switch api.ErrorCode() {
	case "NoSuchBucket":
		return noBucket(err)
	case "NoSuchKey":
		return &Error{NoSuchKey, "The specified key does not exist.", err}
	case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled", "AccountProblem":
		return denied(err)
	case "XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity":
		return &Error{NoSpace, "There is no space left where objects are kept", err}
	}
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) && status.HTTPStatusCode() >= 400 && status.HTTPStatusCode() < 500 &&
		status.HTTPStatusCode() != http.StatusTooManyRequests && status.HTTPStatusCode() != http.StatusRequestTimeout {
		return &Error{Invalid, "The storage refused the request: " + api.ErrorCode(), err}
	}
	return fmt.Errorf("objects: %w", err)
}
