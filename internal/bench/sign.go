package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"golang.org/x/sync/errgroup"
)

// signers is how many goroutines sign at once.
const signers = 4

// signer makes requests to an endpoint, as bytes.
type signer struct {
	url, region string
	v4          *v4.Signer
}

func newSigner(endpoint, region string) *signer {
	return &signer{strings.TrimSuffix(endpoint, "/") + "/", region, v4.NewSigner()}
}

// sign makes a request of the DynamoDB API, signed now: servers take signatures of the last minutes only.
func (s *signer) sign(ctx context.Context, by aws.Credentials, target, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("User-Agent", "bulkhead-bench/1")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+target)
	sum := sha256.Sum256([]byte(body))
	if err := s.v4.SignHTTP(ctx, by, r, hex.EncodeToString(sum[:]), "dynamodb", s.region, time.Now()); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(len(body) + 2048)
	err = r.Write(&out)
	return out.Bytes(), err
}

// requests signs the requests of a turn. The window moves with the turn's number, so that turns touch different rows.
func (p *peer) requests(ctx context.Context, o *operation, window int) ([][]byte, error) {
	n := min(o.requests, p.rows.distinct(o))
	list := make([][]byte, n)
	g, ctx := errgroup.WithContext(ctx)
	for part := range signers {
		g.Go(func() error {
			var b strings.Builder
			for i := part; i < n; i += signers {
				who, from := p.rows.at(o, window*n+i)
				by, err := p.access.credentials(ctx, who)
				if err != nil {
					return err
				}
				b.Reset()
				o.body(&b, p.table, p.rows.tenant(who), from, window)
				if list[i], err = p.signer.sign(ctx, by, o.target, b.String()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return list, g.Wait()
}
