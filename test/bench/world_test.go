package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/bulkhead/bulkhead/internal/app"
)

const (
	region  = "us-east-1"
	account = "111122223333"
	rootID  = "AKIABENCHBENCHBENCH1"
	rootKey = "bench-secret-of-the-root-user-000000000"
	table   = "orders"
	plain   = "plain"
	// sealed and streamed are like table, with rows sealed under the tenant's key, and with a stream.
	sealed   = "sealed"
	streamed = "streamed"
	// items is how many rows are written and read.
	items = 2000
)

// The role's policy is S3's and S21's: rows by leading key, keys by encryption context. The role "plain" may do all.
const (
	trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:user/backend"},
	 "Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringLike":{"aws:RequestTag/TenantID":"*"}}}]}`
	abac = `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":["dynamodb:DescribeTable","dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query","dynamodb:BatchWriteItem"],
	  "Resource":["arn:aws:dynamodb:us-east-1:` + account + `:table/orders","arn:aws:dynamodb:us-east-1:` + account + `:table/sealed",
	   "arn:aws:dynamodb:us-east-1:` + account + `:table/streamed"],
	  "Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/TenantID}","${aws:PrincipalTag/TenantID}#*"]}}},
	 {"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"arn:aws:dynamodb:us-east-1:` + account + `:table/orders",
	  "Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["PUBLIC#*"]}}},
	 {"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey","kms:Encrypt"],"Resource":"*",
	  "Condition":{"StringEquals":{"kms:EncryptionContext:tenant_id":"${aws:PrincipalTag/TenantID}"}}}]}`
	all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*","kms:*"],"Resource":"*"}]}`
	own = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}]}`
)

// bed is the server with what the benchmarks use in it.
type bed struct {
	addr   string
	data   string // the server's directory
	serve  http.Handler
	client *client
	closes []func() error
	// user is the backend's user; tenant a session of the ABAC role for the tenant acme; free one of the role "plain".
	user, tenant, free aws.Credentials
	key                string // a KMS key's id
}

var world *bed

// open starts the server once for all benchmarks.
func open(b testing.TB) *bed {
	b.Helper()
	if world == nil {
		w := &bed{}
		if err := w.start(); err != nil {
			w.close()
			b.Fatal(err)
		}
		world = w
	}
	return world
}

func (w *bed) onClose(f func() error) { w.closes = append(w.closes, f) }

func (w *bed) close() {
	for i := len(w.closes) - 1; i >= 0; i-- {
		if err := w.closes[i](); err != nil {
			fmt.Fprintln(os.Stderr, "bench: close:", err)
		}
	}
	w.closes = nil
}

// tempDir makes a directory on disk: it is given by BENCH_DIR where the system's temporary directory is memory.
func (w *bed) tempDir() (string, error) {
	dir, err := os.MkdirTemp(os.Getenv("BENCH_DIR"), "bulkhead-bench-")
	if err == nil {
		w.onClose(func() error { return os.RemoveAll(dir) })
	}
	return dir, err
}

func (w *bed) start() (err error) {
	ctx := context.Background()
	c := app.DefaultConfig()
	if c.Data, err = w.tempDir(); err != nil {
		return err
	}
	w.data = c.Data
	c.Listen, c.Region, c.Account, c.NodeID = "127.0.0.1:0", region, account, "bench"
	c.RootAccessKeyID, c.RootSecretAccessKey = rootID, rootKey
	// as `serve` logs by default, to a place that costs nothing
	c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	release := app.ReserveHeap() // as `serve` does
	w.onClose(func() error { release(); return nil })
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	w.onClose(func() error { return a.Close(ctx) })
	l, err := c.OpenListener(ctx)
	if err != nil {
		return err
	}
	w.addr, w.serve = l.Addr().String(), a.Handler()
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.Serve(serving, l) }()
	w.onClose(func() error { stop(); return <-done })
	if w.client, err = startClient(); err != nil {
		return err
	}
	w.onClose(w.client.close)
	return w.setup(ctx)
}

func (w *bed) config(c aws.Credentials) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String("http://" + w.addr),
		Credentials: credentials.StaticCredentialsProvider{Value: c},
	}
}

// setup makes the user, the roles, the tables, the key and the sessions.
func (w *bed) setup(ctx context.Context) error {
	root := w.config(aws.Credentials{AccessKeyID: rootID, SecretAccessKey: rootKey})
	users := iam.NewFromConfig(root)
	name := aws.String("backend")
	if _, err := users.CreateUser(ctx, &iam.CreateUserInput{UserName: name}); err != nil {
		return err
	}
	_, err := users.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("own"), PolicyDocument: aws.String(own)})
	if err != nil {
		return err
	}
	k, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		return err
	}
	w.user = aws.Credentials{AccessKeyID: *k.AccessKey.AccessKeyId, SecretAccessKey: *k.AccessKey.SecretAccessKey}
	for role, doc := range map[string]string{"data": abac, plain: all} {
		_, err := users.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(role), AssumeRolePolicyDocument: aws.String(trust)})
		if err != nil {
			return err
		}
		_, err = users.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String("p"), PolicyDocument: aws.String(doc)})
		if err != nil {
			return err
		}
	}
	if w.tenant, err = w.assume(ctx, "data"); err != nil {
		return err
	}
	if w.free, err = w.assume(ctx, plain); err != nil {
		return err
	}
	key, err := kms.NewFromConfig(root).CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		return err
	}
	w.key = *key.KeyMetadata.KeyId
	_, err = kms.NewFromConfig(root).CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/customer-acme"), TargetKeyId: &w.key})
	if err != nil {
		return err
	}
	rows := dynamodb.NewFromConfig(root)
	owner := ddb.Tag{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant}#*")}
	seal := ddb.Tag{Key: aws.String("bulkhead:seal-key"), Value: aws.String("alias/customer-${tenant}")}
	stream := &ddb.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: ddb.StreamViewTypeNewAndOldImages}
	return errors.Join(createTable(ctx, rows, table, nil, owner), createTable(ctx, rows, plain, nil),
		createTable(ctx, rows, sealed, nil, owner, seal), createTable(ctx, rows, streamed, stream, owner))
}

func (w *bed) assume(ctx context.Context, role string) (aws.Credentials, error) {
	out, err := sts.NewFromConfig(w.config(w.user)).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + role), RoleSessionName: aws.String("bench"),
		Tags: []ststypes.Tag{{Key: aws.String("TenantID"), Value: aws.String("acme")}},
	})
	if err != nil {
		return aws.Credentials{}, err
	}
	return aws.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
		SessionToken: *out.Credentials.SessionToken,
	}, nil
}

func createTable(ctx context.Context, rows *dynamodb.Client, name string, stream *ddb.StreamSpecification, tags ...ddb.Tag) error {
	_, err := rows.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(name), BillingMode: ddb.BillingModePayPerRequest, Tags: tags, StreamSpecification: stream,
		AttributeDefinitions: []ddb.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: ddb.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: ddb.ScalarAttributeTypeS},
		},
		KeySchema: []ddb.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: ddb.KeyTypeHash}, {AttributeName: aws.String("sk"), KeyType: ddb.KeyTypeRange},
		},
	})
	return err
}

// call is a request before it is signed.
type call struct{ service, target, contentType, body string }

func dynamo(op, body string) call {
	return call{"dynamodb", "DynamoDB_20120810." + op, "application/x-amz-json-1.0", body}
}

func query(body string) call {
	return call{"sts", "", "application/x-www-form-urlencoded; charset=utf-8", body + "&Version=2011-06-15"}
}

func key(i int) string {
	return fmt.Sprintf(`"pk":{"S":"acme#%06d"},"sk":{"S":"order#%06d"}`, i, i)
}

// item is an item of 450 bytes of JSON.
func item(key string) string {
	head := `{` + key + `,"status":{"S":"SHIPPED"},"total":{"N":"1299.95"},"quantity":{"N":"3"},"paid":{"BOOL":true},` +
		`"tags":{"SS":["fragile","gift"]},"address":{"M":{"street":{"S":"1 Main Street"},"zip":{"S":"12345"}}},"note":{"S":"`
	return head + strings.Repeat("leave it at the door ", 20)[:450-len(head)-3] + `"}}`
}

func put(table string) []call {
	return many(func(i int) call { return dynamo("PutItem", `{"TableName":"`+table+`","Item":`+item(key(i))+`}`) })
}

func get(table string) []call {
	return many(func(i int) call { return dynamo("GetItem", `{"TableName":"`+table+`","Key":{`+key(i)+`}}`) })
}

// Rows of one partition, for the requests of several rows: block of so many, from block i on.
func block(i, rows, n int) string {
	return item(fmt.Sprintf(`"pk":{"S":"acme#block%04d"},"sk":{"S":"order#%06d"}`, i*rows/blockRows, i*rows%blockRows+n))
}

// blockRows is how many rows such a partition has: a multiple of what any request touches.
const blockRows = 100

// queries read 20 rows each.
func queries(table string) []call {
	return many(func(i int) call {
		return dynamo("Query", fmt.Sprintf(`{"TableName":"%s","Limit":20,"KeyConditionExpression":"pk = :p AND sk >= :s",`+
			`"ExpressionAttributeValues":{":p":{"S":"acme#block%04d"},":s":{"S":"order#%06d"}}}`, table, i*20/blockRows%(items/blockRows), i*20%blockRows))
	})
}

// batches write 25 rows each, transactions 4.
func batches(table string) []call {
	return blocks(25, func(puts []string) call {
		return dynamo("BatchWriteItem", `{"RequestItems":{"`+table+`":[{"PutRequest":{"Item":`+strings.Join(puts, `}},{"PutRequest":{"Item":`)+`}}]}}`)
	})
}

func transactions(table string) []call {
	start := `{"Put":{"TableName":"` + table + `","Item":`
	return blocks(4, func(puts []string) call {
		return dynamo("TransactWriteItems", `{"TransactItems":[`+start+strings.Join(puts, `}},`+start)+`}}]}`)
	})
}

func blocks(rows int, f func(puts []string) call) []call {
	list := make([]call, items/rows)
	for i := range list {
		puts := make([]string, rows)
		for n := range puts {
			puts[n] = block(i, rows, n)
		}
		list[i] = f(puts)
	}
	return list
}

func many(f func(int) call) []call {
	list := make([]call, items)
	for i := range list {
		list[i] = f(i)
	}
	return list
}

// sign makes the bytes of a request, signed now.
func (w *bed) sign(c call, by aws.Credentials) ([]byte, error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+w.addr+"/", strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", c.contentType)
	r.Header.Set("User-Agent", "bench/1")
	if c.target != "" {
		r.Header.Set("X-Amz-Target", c.target)
	}
	sum := sha256.Sum256([]byte(c.body))
	if err := v4.NewSigner().SignHTTP(context.Background(), by, r, hex.EncodeToString(sum[:]), c.service, region, time.Now()); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = r.Write(&out)
	return out.Bytes(), err
}

// prepare signs the calls and hands them to the client under a name. It returns the first answer as the server gives it.
func (w *bed) prepare(b testing.TB, name string, calls []call, by aws.Credentials) *conn {
	b.Helper()
	requests := make([][]byte, len(calls))
	for i := range calls {
		var err error
		if requests[i], err = w.sign(calls[i], by); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.client.do(job{Name: name, Requests: requests}); err != nil {
		b.Fatal(err)
	}
	c, err := dial(w.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // it has answered
	if err := c.send(requests[0]); err != nil {
		b.Fatal(err)
	}
	return c
}
