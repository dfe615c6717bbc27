package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// access is who sends the requests.
type access interface {
	// credentials returns those of a tenant, by its number.
	credentials(ctx context.Context, tenant int) (aws.Credentials, error)
	// clean removes what was made for it.
	clean(ctx context.Context, progress func(done, total int)) error
}

// oneKey sends all requests with the endpoint's own credentials.
type oneKey struct{ provider aws.CredentialsProvider }

func (k oneKey) credentials(ctx context.Context, _ int) (aws.Credentials, error) {
	return k.provider.Retrieve(ctx)
}

func (oneKey) clean(context.Context, func(int, int)) error { return nil }

// peer is an endpoint with what was made on it.
type peer struct {
	Endpoint
	// bulkhead says what it is, secured whether that is used.
	bulkhead, secured bool
	table             string
	tags              []types.Tag
	rows              layout
	access            access
	dialer            *dialer
	signer            *signer
	ddb               *dynamodb.Client
	made              bool
	loaded            loaded
	memory            int64 // resident, as seen last; 0 is unknown
	cells             map[cellKey]*cell
}

// loaded is how long it took to load the items.
type loaded struct {
	items int
	took  time.Duration
}

func newPeer(e Endpoint, run string, o *Options) (*peer, error) {
	d, err := newDialer(e.URL)
	if err != nil {
		return nil, err
	}
	cfg := e.Config.Copy()
	cfg.BaseEndpoint = aws.String(strings.TrimSuffix(e.URL, "/"))
	e.Config = cfg
	return &peer{
		Endpoint: e, table: "bench-" + run, rows: newLayout(run, o.Tenants, o.Items), dialer: d, signer: newSigner(e.URL, cfg.Region),
		access: oneKey{cfg.Credentials}, ddb: dynamodb.NewFromConfig(cfg), cells: map[cellKey]*cell{},
	}, nil
}

// probeTimeout bounds the question what an endpoint is.
const probeTimeout = 10 * time.Second

// isBulkhead asks an endpoint for the health page that only Bulkhead has.
func isBulkhead(ctx context.Context, endpoint string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(endpoint, "/")+"/-/healthz", nil)
	if err != nil {
		return false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, fmt.Errorf("%w; is the server running?", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	return resp.StatusCode == http.StatusOK && strings.TrimSpace(string(text)) == "ok", err
}

// tableTimeout bounds the wait for a table to become active.
const tableTimeout = 5 * time.Minute

// makeTable makes the table and waits for it.
func (p *peer) makeTable(ctx context.Context) error {
	p.made = true // even if it seems to fail, it may be there
	_, err := p.ddb.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &p.table, BillingMode: types.BillingModePayPerRequest, Tags: p.tags,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		return fmt.Errorf("make table %s: %w", p.table, err)
	}
	wait := dynamodb.NewTableExistsWaiter(p.ddb, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 200 * time.Millisecond })
	return wait.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &p.table}, tableTimeout)
}

// clean removes the table and all else that was made.
func (p *peer) clean(ctx context.Context, progress func(done, total int)) error {
	var err error
	if p.made {
		_, err = p.ddb.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &p.table})
		var gone *types.ResourceNotFoundException
		if errors.As(err, &gone) {
			err = nil
		}
	}
	return errors.Join(err, p.access.clean(ctx, progress))
}
