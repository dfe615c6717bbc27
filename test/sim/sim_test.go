// Package sim runs whole servers, as processes and within the test, through crashes, concurrency and the loss of their
// store, and holds what clients saw against models.
package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/client"
	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/test/sim/proc"
)

const (
	account    = "000000000000"
	region     = "us-east-1"
	rootID     = "AKIASIMULATIONROOT01"
	rootSecret = "not-a-secret-but-long-enough-for-a-test!"
	rootKey    = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// serverEnv makes the test binary a server: it holds what of its configuration differs.
const serverEnv = "BULKHEAD_SIM_SERVER"

func TestMain(m *testing.M) {
	if text := os.Getenv(serverEnv); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// settings are what servers of the tests differ in.
type settings struct {
	Data, Store, Node string
	// Skew is by how much the server's clock is ahead.
	Skew time.Duration
	// backend stands between the server and its store, of servers within the test; nil is nothing.
	backend func(kv.DB) kv.DB
}

func (s *settings) config() app.Config {
	c := app.DefaultConfig()
	c.Listen, c.Data, c.Store, c.NodeID, c.RootKey = "127.0.0.1:0", s.Data, s.Store, s.Node, rootKey
	c.RootAccessKeyID, c.RootSecretAccessKey = rootID, rootSecret
	c.Inject(s.backend, func() time.Time { return time.Now().Add(s.Skew) })
	return c
}

// serve does what "bulkhead serve" does.
func serve(text string) (err error) {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := s.config()
	if c.Logger, err = app.NewLogger(os.Stderr, "info", "text"); err != nil {
		return err
	}
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close(context.WithoutCancel(ctx))) }()
	l, err := c.OpenListener(ctx)
	if err != nil {
		return err
	}
	c.Logger.Info("serving", "endpoint", "http://"+l.Addr().String())
	return a.Serve(ctx, l)
}

// process starts a server as a process.
func process(t *testing.T, s settings) *proc.Server {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+string(text))
	p, err := proc.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// inside starts a server within the test and returns its URL and what stops it, which the end of the test does too.
func inside(t *testing.T, s settings) (endpoint string, stop func()) {
	t.Helper()
	c := s.config()
	c.Logger = slog.New(slog.DiscardHandler)
	a, err := app.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		server.Close()
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return server.URL, stop
}

var rootUser = credentials.NewStaticCredentialsProvider(rootID, rootSecret, "")

// as makes a client configuration that never tries again, so that a test knows what was sent.
func as(t *testing.T, endpoint string, who aws.CredentialsProvider) aws.Config {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	t.Cleanup(transport.CloseIdleConnections)
	return aws.Config{
		Region: region, BaseEndpoint: &endpoint, Credentials: who, HTTPClient: &http.Client{Transport: whole{transport}, Timeout: 20 * time.Second},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// whole sends requests with a body that nobody else closes. The SDK closes its own as soon as an answer begins. A transport that has
// sent all of it and not yet seen its end then takes the request for broken, and the connection with the answer away.
type whole struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return w.RoundTripper.RoundTrip(r)
	}
	b, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.Body = io.NopCloser(bytes.NewReader(b))
	return w.RoundTripper.RoundTrip(sent)
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// makeTable makes a table with the partition key pk.
func makeTable(t *testing.T, rows *dynamodb.Client, name string, tags ...types.Tag) {
	t.Helper()
	_, err := rows.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, Tags: tags,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// makeRole makes a role that the account may assume and tag, with an inline policy.
func makeRole(t *testing.T, c *iam.Client, name, policy string) {
	t.Helper()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},` +
		`"Action":["sts:AssumeRole","sts:TagSession"]}]}`
	must[*iam.CreateRoleOutput](t)(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))
	must[*iam.PutRolePolicyOutput](t)(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy,
	}))
}

// broker makes a user that may assume every role, since root may not, and returns a client of its.
func broker(t *testing.T, endpoint string, c *iam.Client) *sts.Client {
	t.Helper()
	name := aws.String("broker")
	must[*iam.CreateUserOutput](t)(c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}))
	must[*iam.PutUserPolicyOutput](t)(c.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("sts:*")),
	}))
	out := must[*iam.CreateAccessKeyOutput](t)(c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name}))
	return sts.NewFromConfig(as(t, endpoint, credentials.NewStaticCredentialsProvider(*out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey, "")))
}

// allow is a policy that allows actions on everything.
func allow(actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + actions + `","Resource":"*"}]}`
}

// assume takes a role for a tenant.
func assume(t *testing.T, c *sts.Client, role, tenant string) aws.CredentialsProvider {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + role), RoleSessionName: aws.String("sim")}
	if tenant != "" {
		in.Tags = []ststypes.Tag{{Key: aws.String("TenantID"), Value: &tenant}}
	}
	out := must[*sts.AssumeRoleOutput](t)(c.AssumeRole(t.Context(), in)).Credentials
	return credentials.NewStaticCredentialsProvider(*out.AccessKeyId, *out.SecretAccessKey, *out.SessionToken)
}

// verdict is what the server says of its audit log.
type verdict struct {
	Ok                    bool // the API's name
	Chains, Records, Gaps int
	Problems              []string
}

// verify fails the test if the audit log is not whole.
func verify(t *testing.T, cfg aws.Config) verdict {
	t.Helper()
	var v verdict
	if err := client.Do(t.Context(), cfg, http.MethodPost, "/-/api/v1/audit/verify", map[string]any{"Anchors": []string{}}, &v); err != nil {
		t.Fatal(err)
	}
	if !v.Ok {
		t.Errorf("the audit log is not whole: %v", v.Problems)
	}
	return v
}

// eventually asks until it is answered yes. within bounds how long the answer may take to come.
func eventually(t *testing.T, within time.Duration, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !yes(); {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", within, what)
		}
	}
}
