// Package client calls Bulkhead's own API, which no AWS SDK has, with requests signed by the AWS SDK.
package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 16 << 20

// Error is an answer that is not a success.
type Error struct {
	Status int
	// Code is the error's name, e.g. "TenantAlreadyExistsException".
	Code, Message string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s (HTTP %d)", e.Code, e.Message, e.Status) }

// Do sends in, if it is not nil, as JSON to a path below the configuration's endpoint, by its HTTP client if it has one, and
// decodes the answer into out, unless that is nil. An answer that is not a success is an *Error.
func Do(ctx context.Context, cfg aws.Config, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(aws.ToString(cfg.BaseEndpoint), "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	creds, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("find credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "bulkhead", cfg.Region, time.Now()); err != nil {
		return err
	}
	var over aws.HTTPClient = http.DefaultClient
	if cfg.HTTPClient != nil {
		over = cfg.HTTPClient
	}
	resp, err := over.Do(req)
	if err != nil {
		return fmt.Errorf("%w; is the server running, and is --endpoint right?", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return failure(resp, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

func failure(resp *http.Response, answer []byte) error {
	var m struct{ Message string }
	if json.Unmarshal(answer, &m) != nil {
		m.Message = string(answer)
	}
	code, _, _ := strings.Cut(resp.Header.Get("X-Amzn-Errortype"), ":")
	return &Error{Status: resp.StatusCode, Code: code, Message: m.Message}
}
