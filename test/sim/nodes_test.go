package sim

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	awshttp "github.com/aws/smithy-go/transport/http"
)

const (
	// seenWithin is how long another node may go on as before a change.
	seenWithin = time.Second
	// patience bounds the waits that have no promise behind them, on a machine that may be busy.
	patience = 10 * time.Second
)

// nodes are two servers on one database, the second behind a proxy, with a client of root's for each.
type nodes struct {
	database string
	link     *proxy
	endB     string
	a, b     aws.Config
}

func startNodes(t *testing.T) *nodes {
	t.Helper()
	n := &nodes{database: database(t)}
	var through string
	n.link, through = newProxy(t, n.database)
	endA, _ := inside(t, settings{Data: t.TempDir(), Store: n.database, Node: "a"})
	n.endB, _ = inside(t, settings{Data: t.TempDir(), Store: through, Node: "b"})
	n.a, n.b = as(t, endA, rootUser), as(t, n.endB, rootUser)
	return n
}

// user makes at node A a user who may do anything, and returns what node B knows it by.
func (n *nodes) user(t *testing.T, name string) (atB aws.Config, key *iamtypes.AccessKey) {
	t.Helper()
	c := iam.NewFromConfig(n.a)
	must[*iam.CreateUserOutput](t)(c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}))
	must[*iam.PutUserPolicyOutput](t)(c.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: &name, PolicyName: aws.String("all"), PolicyDocument: aws.String(allow("*")),
	}))
	key = must[*iam.CreateAccessKeyOutput](t)(c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})).AccessKey
	return as(t, n.endB, credentials.NewStaticCredentialsProvider(*key.AccessKeyId, *key.SecretAccessKey, "")), key
}

// deny takes back all that a user made by user may do.
func (n *nodes) deny(t *testing.T, name string) {
	t.Helper()
	must[*iam.PutUserPolicyOutput](t)(iam.NewFromConfig(n.a).PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: &name, PolicyName: aws.String("none"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`),
	}))
}

// ask reads a row with the credentials.
func ask(t *testing.T, cfg aws.Config) error {
	t.Helper()
	_, err := dynamodb.NewFromConfig(cfg).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("shared"), Key: keyOf("row")})
	return err
}

// status is the HTTP status of an error that came from the server, 0 if none came.
func status(err error) int {
	var e *awshttp.ResponseError
	if !errors.As(err, &e) {
		return 0
	}
	return e.HTTPStatusCode()
}

// allowed waits until the server allows.
func allowed(t *testing.T, what string, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still not so after %v: %s: %v", patience, what, err)
		}
	}
}

// refusals are the error codes of a caller who may not, or is not known any more.
var refusals = map[string]bool{"AccessDenied": true, "AccessDeniedException": true, "UnrecognizedClientException": true}

// refused waits until the server refuses, and fails the test if it allows what was asked a second after the change.
func refused(t *testing.T, changed time.Time, what string, try func() error) {
	t.Helper()
	for {
		asked := time.Now()
		err := try()
		var e smithy.APIError
		if errors.As(err, &e) && refusals[e.ErrorCode()] {
			return
		}
		if err == nil && asked.After(changed.Add(seenWithin)) {
			t.Fatalf("%s is allowed %v after it was taken back", what, asked.Sub(changed))
		}
		if asked.After(changed.Add(patience)) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// What changes at one node holds at the other within a second, and all that one made the other can use.
func TestNodesFollow(t *testing.T) {
	t.Parallel()
	n := startNodes(t)
	if code := status(ask(t, n.b)); code != http.StatusBadRequest {
		t.Errorf("a table that is not there: status %d", code)
	}
	makeTable(t, dynamodb.NewFromConfig(n.a), "shared")
	allowed(t, "a table made at A is at B", func() error {
		_, err := dynamodb.NewFromConfig(n.b).PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: aws.String("shared"), Item: map[string]types.AttributeValue{"pk": str("row")},
		})
		return err
	})
	got := must[*dynamodb.GetItemOutput](t)(dynamodb.NewFromConfig(n.a).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("shared"), Key: keyOf("row"),
	}))
	if got.Item == nil {
		t.Error("a row written at B is not at A")
	}
	c := iam.NewFromConfig(n.a)

	denied, _ := n.user(t, "denied")
	allowed(t, "a user made at A is known at B", func() error { return ask(t, denied) })
	changed := time.Now()
	n.deny(t, "denied")
	refused(t, changed, "a user who was denied everything", func() error { return ask(t, denied) })

	cut, key := n.user(t, "cut-off")
	allowed(t, "another user made at A is known at B", func() error { return ask(t, cut) })
	changed = time.Now()
	must[*iam.UpdateAccessKeyOutput](t)(c.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{
		UserName: aws.String("cut-off"), AccessKeyId: key.AccessKeyId, Status: iamtypes.StatusTypeInactive,
	}))
	refused(t, changed, "an access key that was made inactive", func() error { return ask(t, cut) })

	makeRole(t, c, "gone", allow("dynamodb:*"))
	session := as(t, n.endB, assume(t, broker(t, *n.a.BaseEndpoint, c), "gone", "acme"))
	allowed(t, "a session made at A is good at B", func() error { return ask(t, session) })
	changed = time.Now()
	must[*iam.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("gone"), PolicyName: aws.String("p")}))
	must[*iam.DeleteRoleOutput](t)(c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("gone")}))
	refused(t, changed, "a session of a role that was deleted", func() error { return ask(t, session) })

	for _, cfg := range []aws.Config{n.a, n.b} {
		if v := verify(t, cfg); v.Chains != 2 || v.Gaps != 0 {
			t.Errorf("the audit log has %d chains and %d gaps", v.Chains, v.Gaps)
		}
	}
}

// A node that has lost its database answers that it cannot, allows nothing from memory, and goes on when it is back.
func TestNodeCutOff(t *testing.T) {
	t.Parallel()
	n := startNodes(t)
	makeTable(t, dynamodb.NewFromConfig(n.a), "shared")
	user, _ := n.user(t, "user")
	other, _ := n.user(t, "other")
	makeRole(t, iam.NewFromConfig(n.a), "role", allow("*"))
	assumeAs := func(cfg aws.Config) error {
		_, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::" + account + ":role/role"), RoleSessionName: aws.String("sim"),
		})
		return err
	}
	for _, cfg := range []aws.Config{user, other} {
		allowed(t, "a user made at A reads at B", func() error { return ask(t, cfg) })
		allowed(t, "a user made at A assumes a role at B", func() error { return assumeAs(cfg) })
	}

	n.link.set(true)
	changed := time.Now()
	n.deny(t, "user")
	failures := 0
	for end := changed.Add(seenWithin * 3 / 2); time.Now().Before(end); {
		for what, err := range map[string]error{"reading a row": ask(t, user), "assuming a role": assumeAs(user), "reading as another": ask(t, other)} {
			if code := status(err); err == nil && time.Now().After(changed.Add(seenWithin)) {
				t.Fatalf("%s is allowed by a node that is cut off", what)
			} else if code == http.StatusInternalServerError || code == http.StatusServiceUnavailable {
				failures++
			} else if err != nil && code/100 != 5 {
				t.Errorf("%s at a node that is cut off: %v", what, err)
			}
		}
	}
	if failures == 0 {
		t.Error("a node that is cut off never said so")
	}
	if code := ready(t, n.endB); code != http.StatusServiceUnavailable {
		t.Errorf("a node that is cut off says that it is ready: %d", code)
	}

	n.link.set(false)
	allowed(t, "the node reads again", func() error { return ask(t, other) })
	eventually(t, patience, "the node is ready", func() bool { return ready(t, n.endB) == http.StatusOK })
	refused(t, time.Now().Add(-seenWithin), "what was taken back meanwhile", func() error { return ask(t, user) })

	execute(t, n.database, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	for _, cfg := range []aws.Config{n.a, n.b} {
		allowed(t, "a node goes on after its connections were ended", func() error { return ask(t, cfg) })
		eventually(t, patience, "writes go on", func() bool {
			_, err := iam.NewFromConfig(cfg).TagUser(t.Context(), &iam.TagUserInput{
				UserName: aws.String("user"), Tags: []iamtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
			})
			return err == nil
		})
		verify(t, cfg)
	}
}

func ready(t *testing.T, endpoint string) int {
	t.Helper()
	resp, err := http.Get(endpoint + "/-/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is read
	return resp.StatusCode
}
