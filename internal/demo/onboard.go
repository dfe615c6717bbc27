package demo

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bulkhead/bulkhead/internal/client"
)

// waitForTable bounds the wait for the table to become active.
const waitForTable = 30 * time.Second

// onboard makes the tenant through Bulkhead's own API and returns the ARN of the tenant's key.
func (d *demo) onboard(ctx context.Context, tenant string) (string, error) {
	in := map[string]string{"Id": tenant, "Name": tenant, "UserPoolId": d.userPool}
	var out struct{ Tenant struct{ KeyArn string } }
	err := client.Do(ctx, d.aws, http.MethodPost, "/-/api/v1/tenants", in, &out)
	var failed *client.Error
	if errors.As(err, &failed) && failed.Code == "TenantAlreadyExistsException" {
		err = client.Do(ctx, d.aws, http.MethodGet, "/-/api/v1/tenants/"+tenant, nil, &out)
	}
	return out.Tenant.KeyArn, err
}
