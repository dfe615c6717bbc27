package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/client"
)

// onDisk is a server on the embedded store or on a database, with the same root key and credentials.
func onDisk(t *testing.T, dir, store string) (aws.Config, func()) {
	t.Helper()
	c := app.DefaultConfig()
	c.Data, c.Logger = dir, slog.New(slog.DiscardHandler)
	if store != "" {
		c.Store = store
	}
	c.RootAccessKeyID, c.RootSecretAccessKey = "AKIASTORECOPYTEST222", "not-a-secret-but-long-enough-for-a-test!"
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a.Handler())
	var once sync.Once
	stop := func() {
		once.Do(func() {
			srv.Close()
			if err := a.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return aws.Config{Region: c.Region, BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider(c.RootAccessKeyID, c.RootSecretAccessKey, "")}, stop
}

func copiedRow(i int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: fmt.Sprint("row-", i)}}
}

// A server writes while its store is copied to PostgreSQL. The copy is interrupted, goes on, and at the end holds every write that
// was acknowledged.
func TestStoreIsCopiedWhileInUse(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), database(t)
	cfg, stop := onDisk(t, dir, "")
	ddb := dynamodb.NewFromConfig(cfg)
	if _, err := ddb.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("rows"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	var written atomic.Int64
	ended := make(chan struct{})
	stopping := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stopping:
				return
			default:
			}
			if _, err := ddb.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("rows"), Item: copiedRow(i)}); err != nil {
				t.Errorf("write %d: %v", i, err)
				return
			}
			written.Add(1)
		}
	}()
	c := app.DefaultConfig()
	c.Data = dir
	cut := errors.New("cut")
	s := app.StoreCopy{
		Config: c, To: to, Progress: func(string, int64, int64) {},
		Checkpoint: func(ctx context.Context) (string, error) {
			var out struct{ Checkpoint string }
			err := client.Do(ctx, cfg, "POST", "/-/api/v1/store/checkpoints", nil, &out)
			return out.Checkpoint, err
		},
		Stop: func(context.Context) error { return cut },
	}
	if _, err := s.Run(t.Context()); !errors.Is(err, cut) {
		t.Fatalf("the interrupted copy: %v", err)
	}
	if !app.InUse(dir) {
		t.Error("the server's directory is not in use")
	}
	s.Stop = func(context.Context) error {
		close(stopping)
		<-ended
		stop()
		return nil
	}
	pairs, err := s.Run(t.Context())
	if err != nil || pairs < written.Load() {
		t.Fatalf("%d pairs of at least %d: %v", pairs, written.Load(), err)
	}
	if n := written.Load(); n == 0 {
		t.Fatal("nothing was written meanwhile")
	}
	refused := app.DefaultConfig()
	refused.Data, refused.Logger = dir, slog.New(slog.DiscardHandler)
	if a, err := app.Open(t.Context(), refused); err == nil || !strings.Contains(err.Error(), "was copied to postgres") {
		t.Errorf("the retired store is served: %v %v", a, err)
	}
	if _, err := s.Run(t.Context()); err == nil {
		t.Error("a store in use is copied over")
	}
	cfg, _ = onDisk(t, dir, to)
	ddb = dynamodb.NewFromConfig(cfg)
	for i := range int(written.Load()) {
		got, err := ddb.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("rows"), Key: copiedRow(i)})
		if err != nil || got.Item == nil {
			t.Fatalf("row %d of %d after the copy: %v %v", i, written.Load(), got, err)
		}
	}
}
