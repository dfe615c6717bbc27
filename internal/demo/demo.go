// Package demo runs the product's main job over HTTP with the public AWS SDK: as a SaaS operator it builds the chain from
// sign-in to data for two tenants, and as users of each it tries to reach the other's at every level.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Options say where the demo runs.
type Options struct {
	// Endpoint is the server's URL, Region the region to use.
	Endpoint, Region string
	// AccessKeyID and SecretAccessKey are the operator's credentials.
	AccessKeyID, SecretAccessKey string
	// Progress is told of each step; nil tells nobody.
	Progress func(string)
}

// Result is what the demo found.
type Result struct {
	Endpoint string     `json:"endpoint"`
	Attempts []*Attempt `json:"attempts"`
	// Crossed is how many attempts reached the other tenant's data; Broken how many own accesses failed, or were
	// refused for another reason than a refusal.
	Crossed int `json:"crossed"`
	Broken  int `json:"broken"`
}

// Attempt is one thing tried by a user of one tenant, on its own data and on the other tenant's.
type Attempt struct {
	Tenant string `json:"tenant"`
	Level  string `json:"level"`
	Tried  string `json:"tried"`
	// Own and Other are what came of it: "ok" or the error code.
	Own   string `json:"own"`
	Other string `json:"other"`
	// Decided is what decided about the other's: policy and statement, or the rule that refused.
	Decided string `json:"decided"`
	// Event is the audit event of the attempt on the other's.
	Event string `json:"event"`
	// Crossed says that the other's data was reached.
	Crossed bool `json:"crossed"`
	// Broken says that the own access failed, or the other's failed for another reason than being refused.
	Broken bool `json:"broken"`

	refusal error
}

const (
	tableName = "demo-rows"
	indexName = "by-kind"
	password  = "Correct-Horse-9-Battery"
)

var tenants = []string{"acme", "globex"}

// demo is the state of a run.
type demo struct {
	Options
	aws     aws.Config
	iam     *iam.Client
	sts     *sts.Client
	rows    *dynamodb.Client
	kms     *kms.Client
	users   *cip.Client
	ids     *cognitoidentity.Client
	trail   *cloudtrail.Client
	region  string
	account string

	userPool, client, issuer, identityPool, sharedKey string
	keys                                              map[string]string // tenant → ARN of its key
	secrets                                           map[string][]byte // tenant → ciphertext under its key
	result                                            *Result
	events                                            *events
}

// Run sets up what is missing, tries everything, and returns what was found. It can be run again on the same server.
func Run(ctx context.Context, o Options) (*Result, error) {
	d := &demo{Options: o, region: o.Region, keys: map[string]string{}, secrets: map[string][]byte{}, result: &Result{Endpoint: o.Endpoint}, events: &events{RoundTripper: http.DefaultTransport}}
	if d.Progress == nil {
		d.Progress = func(string) {}
	}
	d.connect(credentials.NewStaticCredentialsProvider(d.AccessKeyID, d.SecretAccessKey, ""))
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"account", d.findAccount},
		{"operator", d.makeOperator},
		{"user pool with an immutable tenant attribute", d.makeUserPool},
		{"tenants acme and globex, with a key and an alias each", d.makeTenants},
		{"identity pool that turns claims into tags", d.makeIdentityPool},
		{"OIDC provider", d.makeProvider},
		{"one pooled table with an owner rule", d.makeTable},
		{"roles with ABAC policies", d.makeRoles},
		{"a user for each tenant", d.makeUsers},
		{"rows and secrets, and the other tenant's at every level", d.tryAll},
		{"what decided, from the audit log", d.explain},
	} {
		d.Progress(step.name)
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("demo: %s: %w", step.name, err)
		}
	}
	return d.result, nil
}

// configure is an SDK configuration for credentials; without them requests are not signed.
func (d *demo) configure(c aws.CredentialsProvider) aws.Config {
	cfg := aws.Config{
		Region: d.region, BaseEndpoint: aws.String(d.Endpoint), Credentials: c, HTTPClient: &http.Client{Transport: d.events},
		RetryMaxAttempts: 1,
	}
	if c == nil {
		cfg.Credentials = aws.AnonymousCredentials{}
	}
	return cfg
}

// connect makes the operator's clients.
func (d *demo) connect(c aws.CredentialsProvider) {
	d.aws = d.configure(c)
	d.iam, d.sts, d.rows = iam.NewFromConfig(d.aws), sts.NewFromConfig(d.aws), dynamodb.NewFromConfig(d.aws)
	d.kms, d.users = kms.NewFromConfig(d.aws), cip.NewFromConfig(d.aws)
	d.ids, d.trail = cognitoidentity.NewFromConfig(d.aws), cloudtrail.NewFromConfig(d.aws)
}

func (d *demo) findAccount(ctx context.Context) error {
	out, err := d.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return err
	}
	d.account = aws.ToString(out.Account)
	return nil
}

// isA reports whether err is, or wraps, an error of type E, which is how the SDK reports modeled errors.
func isA[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
