package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// waitForTable bounds the wait for the table to become active.
const waitForTable = 30 * time.Second

// onboard makes the tenant through Bulkhead's own API, which no SDK has, and returns the ARN of the tenant's key.
func (d *demo) onboard(ctx context.Context, tenant string) (string, error) {
	body := map[string]string{"Id": tenant, "Name": tenant, "UserPoolId": d.userPool}
	status, answer, err := d.call(ctx, http.MethodPost, "/-/api/v1/tenants", body)
	if err == nil && status == http.StatusConflict {
		status, answer, err = d.call(ctx, http.MethodGet, "/-/api/v1/tenants/"+tenant, nil)
	}
	if err != nil {
		return "", err
	}
	if status/100 != 2 {
		return "", fmt.Errorf("onboarding %s: HTTP %d: %s", tenant, status, answer)
	}
	var out struct{ Tenant struct{ KeyArn string } }
	if err := json.Unmarshal(answer, &out); err != nil {
		return "", err
	}
	if out.Tenant.KeyArn == "" {
		return "", fmt.Errorf("onboarding %s: the answer names no key: %s", tenant, answer)
	}
	return out.Tenant.KeyArn, nil
}

// call sends a signed request of Bulkhead's own API.
func (d *demo) call(ctx context.Context, method, path string, in any) (int, []byte, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return 0, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, d.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	creds, err := d.aws.Credentials.Retrieve(ctx)
	if err != nil {
		return 0, nil, err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "bulkhead", d.region, time.Now()); err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, answer, err
}
