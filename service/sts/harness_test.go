package sts

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	iamapi "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/authn/sigv4"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cloudtrail"
	"github.com/bulkhead/bulkhead/service/iam"
)

const (
	account = "111122223333"
	other   = "444455556666"
	region  = "us-east-1"
	rootID  = "AKIASTSTESTROOTKEY22"
	rootKey = "not-a-secret-but-long-enough-for-a-test!"
	all     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// world is the service behind a server: real signatures, the real catalog, the real engine.
type world struct {
	t       testing.TB
	iam     *iam.Service
	catalog *identity.Catalog
	sealer  *session.Sealer
	url     string
}

func newWorld(t testing.TB, tokens webtoken.Options) *world {
	t.Helper()
	w := &world{t: t}
	ring := keyringtest.New(t, 'k')
	backend, log := memkv.New(), slog.New(slog.DiscardHandler)
	db := store.New(backend)
	var err error
	w.catalog, err = identity.New(identity.Config{DB: db, Keyring: ring, Log: log})
	w.ok(err)
	_, err = w.catalog.Init(t.Context(), identity.InitInput{Account: account, AccessKeyID: rootID, SecretAccessKey: rootKey})
	w.ok(err)
	w.sealer, err = session.NewSealer(session.Options{Current: session.Key{ID: 1, Secret: [32]byte{1}}, TenantOf: w.catalog.Tenants().Of})
	w.ok(err)
	w.iam = iam.New(iam.Config{DB: db, Catalog: w.catalog, Keyring: ring})
	events, err := audit.Open(t.Context(), backend, audit.Options{Keys: ring, NodeID: "n", Logger: log, Prefix: []byte{store.SpaceAudit}})
	w.ok(err)
	messages := authz.NewMessages(ring)
	handler, err := pipeline.New(pipeline.Config{
		Services: []pipeline.Service{New(w.catalog, w.sealer, webtoken.New(tokens), messages).Operations(), cloudtrail.New(events).Operations()},
		Verifier: sigv4.NewVerifier(sigv4.Options{Lookup: w.lookup}), Engine: authz.NewEngine(w.catalog, ""), Audit: events,
		Account: account, Region: region, Sealer: messages, Log: log,
	})
	w.ok(err)
	server := httptest.NewServer(handler)
	w.url = server.URL
	t.Cleanup(func() {
		server.Close()
		_ = events.Close(context.Background())
		w.catalog.Close()
		db.Close()
		_ = backend.Close()
	})
	return w
}

// on is the world for a subtest.
func (w *world) on(t testing.TB) *world {
	sub := *w
	sub.t = t
	return &sub
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) lookup(ctx context.Context, id, token string) ([]byte, *authn.Principal, error) {
	if session.IsTemporary(id) {
		p, secret, err := w.sealer.Open(token, id, time.Now())
		return secret, p, err
	}
	c, err := w.catalog.Credentials(ctx, id)
	if err == nil && c == nil {
		err = fault.New(fault.UnknownAccessKey, "unknown")
	}
	if err != nil {
		return nil, nil, err
	}
	return c.Secret, c.Principal, nil
}

// client calls with long-term or temporary credentials; without an id, unsigned.
func (w *world) client(id, secret, token string) *awssts.Client {
	o := awssts.Options{Region: region, BaseEndpoint: &w.url, RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{}}
	if id != "" {
		o.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
	}
	return awssts.New(o)
}

func (w *world) root() *awssts.Client { return w.client(rootID, rootKey, "") }

func (w *world) session(c *types.Credentials) *awssts.Client {
	return w.client(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// principal is whom credentials are for.
func (w *world) principal(c *types.Credentials) *authn.Principal {
	w.t.Helper()
	p, _, err := w.sealer.Open(*c.SessionToken, *c.AccessKeyId, time.Now())
	w.ok(err)
	return p
}

// admin is a call of IAM by an account's root.
func (w *world) admin(account string) *pipeline.Call {
	return &pipeline.Call{
		Grant: authztest.Home(w.t, "iam", account, ""), Caller: authztest.Root(account), Account: account, Now: time.Now(),
	}
}

func iamTags(pairs []string) (tags []iamapi.Tag) {
	for i := 0; i+1 < len(pairs); i += 2 {
		tags = append(tags, iamapi.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return tags
}

// user makes a user with an inline policy, unless it is "", and returns its client.
func (w *world) user(account, name, document string, tags ...string) *awssts.Client {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.iam.CreateUser(ctx, w.admin(account), &iamapi.CreateUserInput{UserName: &name, Tags: iamTags(tags)})
	w.ok(err)
	if document != "" {
		_, err = w.iam.PutUserPolicy(ctx, w.admin(account), &iamapi.PutUserPolicyInput{
			UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &document,
		})
		w.ok(err)
	}
	key, err := w.iam.CreateAccessKey(ctx, w.admin(account), &iamapi.CreateAccessKeyInput{UserName: &name})
	w.ok(err)
	return w.client(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
}

// role makes a role of the account with the statements of its trust policy and an inline policy, unless it is "".
func (w *world) role(account, name, trust, document string, tags ...string) string {
	w.t.Helper()
	ctx := w.t.Context()
	trust = `{"Version":"2012-10-17","Statement":[` + trust + `]}`
	out, err := w.iam.CreateRole(ctx, w.admin(account), &iamapi.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: &trust, Tags: iamTags(tags), MaxSessionDuration: aws.Int32(7200),
	})
	w.ok(err)
	if document != "" {
		_, err = w.iam.PutRolePolicy(ctx, w.admin(account), &iamapi.PutRolePolicyInput{
			RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &document,
		})
		w.ok(err)
	}
	return *out.Role.Arn
}

// trusts is a statement that lets a principal do the actions, under a condition unless it is "".
func trusts(principal, actions, condition string) string {
	if condition != "" {
		condition = `,"Condition":{` + condition + `}`
	}
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":[` + actions + `]` + condition + `}`
}

func awsPrincipal(arn string) string { return `{"AWS":"` + arn + `"}` }

func rootOf(account string) string { return awsPrincipal("arn:aws:iam::" + account + ":root") }

const (
	assume    = `"sts:AssumeRole"`
	assumeTag = `"sts:AssumeRole","sts:TagSession"`
	assumeAll = `"sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"`
)

func allow(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}]}`
}

func tags(pairs ...string) (out []types.Tag) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return out
}

func tagMap(t authn.Tags) map[string]string {
	m := map[string]string{}
	for _, x := range t {
		m[x.Key] = x.Value
		if x.Transitive {
			m[x.Key] += " (transitive)"
		}
	}
	return m
}

// assumes assumes a role and fails the test if that is refused.
func (w *world) assumes(c *awssts.Client, roleARN string, edit func(*awssts.AssumeRoleInput)) *types.Credentials {
	w.t.Helper()
	out, err := w.assume(c, roleARN, edit)
	w.ok(err)
	return out.Credentials
}

func (w *world) assume(c *awssts.Client, roleARN string, edit func(*awssts.AssumeRoleInput)) (*awssts.AssumeRoleOutput, error) {
	in := &awssts.AssumeRoleInput{RoleArn: &roleARN, RoleSessionName: aws.String("session")}
	if edit != nil {
		edit(in)
	}
	return c.AssumeRole(w.t.Context(), in)
}

// refused checks code and message; the encoded explanation is not compared.
func refused(t testing.TB, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s: %s", err, code, message)
	}
	if e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), message) {
		t.Errorf("got  %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

// checked fails the test unless the outcome is the one wanted; "" wants a success.
func checked(t testing.TB, err error, code, message string) {
	t.Helper()
	switch {
	case code != "":
		refused(t, err, code, message)
	case err != nil:
		t.Error(err)
	}
}

func passedTagsOf(in []types.Tag) (out authn.Tags) {
	for _, t := range in {
		out = append(out, authn.Tag{Key: *t.Key, Value: *t.Value})
	}
	return out
}
