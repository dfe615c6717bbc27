package sts

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awstrail "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	iamapi "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
)

// probe is an action that the tests grant or not to see what a session may do.
const probe = "cloudtrail:LookupEvents"

func (w *world) probe(c *awssts.Client) error {
	trail := awstrail.New(awstrail.Options{
		Region: region, BaseEndpoint: &w.url, Credentials: c.Options().Credentials, RetryMaxAttempts: 1,
	})
	_, err := trail.LookupEvents(w.t.Context(), &awstrail.LookupEventsInput{})
	return err
}

func (w *world) who(c *awssts.Client) *awssts.GetCallerIdentityOutput {
	w.t.Helper()
	out, err := c.GetCallerIdentity(w.t.Context(), &awssts.GetCallerIdentityInput{})
	w.ok(err)
	return out
}

// A session of GetSessionToken is the user itself, for a while.
func TestGetSessionToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	user := w.user(account, "u", allow(probe, "*"), "TenantID", "acme")
	bare := w.user(account, "bare", "")
	arn := w.role(account, "r", trusts(rootOfUser("u"), assume, ""), all)
	role := w.session(w.assumes(user, arn, nil))
	made, err := user.GetSessionToken(t.Context(), &awssts.GetSessionTokenInput{})
	w.ok(err)
	again := w.session(made.Credentials)
	for name, c := range map[string]struct {
		client        *awssts.Client
		in            awssts.GetSessionTokenInput
		lasts         time.Duration
		code, message string
	}{
		"a user, by default":      {client: user, lasts: 12 * time.Hour},
		"a user, longest":         {client: user, in: awssts.GetSessionTokenInput{DurationSeconds: aws.Int32(129600)}, lasts: 36 * time.Hour},
		"too long":                {client: user, in: awssts.GetSessionTokenInput{DurationSeconds: aws.Int32(129601)}, code: "ValidationError"},
		"too short":               {client: user, in: awssts.GetSessionTokenInput{DurationSeconds: aws.Int32(899)}, code: "ValidationError"},
		"without any permission":  {client: bare, lasts: 12 * time.Hour},
		"root":                    {client: w.root(), lasts: time.Hour},
		"root, longer":            {client: w.root(), in: awssts.GetSessionTokenInput{DurationSeconds: aws.Int32(3601)}, code: "ValidationError"},
		"with a code of no MFA":   {client: user, in: awssts.GetSessionTokenInput{TokenCode: aws.String("123456")}, code: "AccessDenied", message: "MultiFactorAuthentication"},
		"a session of itself":     {client: again, code: "AccessDenied", message: "session credentials"},
		"a role's session":        {client: role, code: "AccessDenied", message: "session credentials"},
		"nobody":                  {client: w.client("", "", ""), code: "MissingAuthenticationToken"},
		"a serial number, no MFA": {client: user, in: awssts.GetSessionTokenInput{SerialNumber: aws.String("GAHT12345678")}, code: "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			out, err := c.client.GetSessionToken(t.Context(), &c.in)
			checked(t, err, c.code, c.message)
			if err != nil {
				return
			}
			p := w.principal(out.Credentials)
			if got := p.ExpiresAt.Sub(p.IssuedAt); got != c.lasts {
				t.Errorf("lasts %v, want %v", got, c.lasts)
			}
			if a, b := w.who(c.client), w.who(w.session(out.Credentials)); *a.Arn != *b.Arn || *a.UserId != *b.UserId {
				t.Errorf("is %s, made by %s", *b.Arn, *a.Arn)
			}
		})
	}
	w.ok(w.probe(again))
	if p := w.principal(made.Credentials); p.Tenant.String() != "acme" {
		t.Errorf("tenant %q", p.Tenant)
	}
	bareSession, err := bare.GetSessionToken(t.Context(), &awssts.GetSessionTokenInput{})
	w.ok(err)
	refused(t, w.probe(w.session(bareSession.Credentials)), "AccessDeniedException", "identity-based policy")
	// what the user loses, its sessions lose
	_, err = w.iam.DeleteUserPolicy(t.Context(), w.admin(account), &iamapi.DeleteUserPolicyInput{UserName: aws.String("u"), PolicyName: aws.String("p")})
	w.ok(err)
	refused(t, w.probe(again), "AccessDeniedException", "identity-based policy")
}

// A federated user may do what both its creator and the policies passed allow.
func TestGetFederationToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	const federate = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:GetFederationToken","sts:TagSession"],"Resource":"*"}`
	able := w.user(account, "able", federate+`,{"Effect":"Allow","Action":"`+probe+`","Resource":"*"}]}`, "Team", "blue")
	unable := w.user(account, "unable", federate+`]}`)
	plain := w.user(account, "plain", "")
	untagging := w.user(account, "untagging", allow("sts:GetFederationToken", "arn:aws:sts::"+account+":federated-user/bob"))
	arn := w.role(account, "r", trusts(rootOfUser("able"), assume, ""), all)
	role := w.session(w.assumes(able, arn, nil))
	for name, c := range map[string]struct {
		client        *awssts.Client
		name, policy  string
		tags          []types.Tag
		code, message string
		may           bool
	}{
		"both allow":          {client: able, policy: allow(probe, "*"), may: true},
		"only the creator":    {client: able, policy: allow("kms:*", "*")},
		"only the policy":     {client: unable, policy: all},
		"no policy passed":    {client: able},
		"by root":             {client: w.root(), policy: allow(probe, "*"), may: true},
		"by root, no policy":  {client: w.root()},
		"tags":                {client: able, policy: allow(probe, "*"), tags: tags("Team", "red"), may: true},
		"not permitted":       {client: plain, policy: all, code: "AccessDenied", message: "sts:GetFederationToken"},
		"one name only":       {client: untagging, policy: all},
		"another name":        {client: untagging, name: "eve", policy: all, code: "AccessDenied"},
		"tags, not permitted": {client: untagging, tags: tags("a", "b"), code: "AccessDenied", message: "sts:TagSession"},
		"a role":              {client: role, code: "AccessDenied", message: "session credentials"},
		"malformed policy":    {client: able, policy: "[]", code: "MalformedPolicyDocument"},
		"a name too long":     {client: able, name: strings.Repeat("n", 33), code: "ValidationError"},
		"a name with a slash": {client: able, name: "a/b", code: "ValidationError"},
		"tags twice":          {client: able, tags: tags("a", "b", "A", "c"), code: "ValidationError"},
		"a policy too long":   {client: able, policy: all + strings.Repeat(" ", 2048), code: "ValidationError"},
		"nobody":              {client: w.client("", "", ""), code: "MissingAuthenticationToken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			in := &awssts.GetFederationTokenInput{Name: aws.String("bob"), Tags: c.tags}
			if c.name != "" {
				in.Name = &c.name
			}
			if c.policy != "" {
				in.Policy = &c.policy
			}
			out, err := c.client.GetFederationToken(t.Context(), in)
			checked(t, err, c.code, c.message)
			if err != nil {
				return
			}
			session := w.session(out.Credentials)
			if who := w.who(session); *who.Arn != "arn:aws:sts::"+account+":federated-user/bob" || *who.UserId != account+":bob" {
				t.Error(*who.Arn, *who.UserId)
			}
			if err := w.probe(session); (err == nil) != c.may {
				t.Errorf("may: %v", err)
			}
			if v, _ := w.principal(out.Credentials).Tags.Get("Team"); c.client == able && v != map[bool]string{true: "blue", false: "red"}[c.tags == nil] {
				t.Errorf("Team is %q", v)
			}
		})
	}
	// nor does it lead on to other sessions
	out, err := w.user(account, "almighty", all).GetFederationToken(t.Context(), &awssts.GetFederationTokenInput{
		Name: aws.String("bob"), Policy: aws.String(all),
	})
	w.ok(err)
	_, err = w.session(out.Credentials).GetFederationToken(t.Context(), &awssts.GetFederationTokenInput{Name: aws.String("bob")})
	refused(t, err, "AccessDenied", "session credentials")
	trusting := w.role(account, "trusting", trusts(rootOf(account), assume, ""), "")
	_, err = w.assume(w.session(out.Credentials), trusting, nil)
	refused(t, err, "InvalidClientTokenId", "")
}

// GetCallerIdentity needs no permission, and says what each kind of caller is.
func TestGetCallerIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	deny := w.user(other, "denied", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
	if who := w.who(deny); *who.Arn != "arn:aws:iam::"+other+":user/denied" || !strings.HasPrefix(*who.UserId, "AIDA") || *who.Account != other {
		t.Error(*who.Arn, *who.UserId, *who.Account)
	}
	if who := w.who(w.root()); *who.Arn != "arn:aws:iam::"+account+":root" || *who.UserId != account || *who.Account != account {
		t.Error(*who.Arn, *who.UserId, *who.Account)
	}
	_, err := w.client("", "", "").GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	refused(t, err, "MissingAuthenticationToken", "")
}

// GetAccessKeyInfo tells the account of any key, from its id.
func TestGetAccessKeyInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	able, plain := w.user(account, "able", allow("sts:GetAccessKeyInfo", "*")), w.user(account, "plain", all)
	name := "x"
	_, err := w.iam.CreateUser(t.Context(), w.admin(other), &iamapi.CreateUserInput{UserName: &name})
	w.ok(err)
	key, err := w.iam.CreateAccessKey(t.Context(), w.admin(other), &iamapi.CreateAccessKeyInput{UserName: &name})
	w.ok(err)
	arn := w.role(other, "r", trusts(rootOf(account), assume, ""), "")
	session := w.assumes(plain, arn, nil)
	for id, want := range map[string]string{*key.AccessKey.AccessKeyId: other, *session.AccessKeyId: other} {
		out, err := able.GetAccessKeyInfo(t.Context(), &awssts.GetAccessKeyInfoInput{AccessKeyId: &id})
		w.ok(err)
		if *out.Account != want {
			t.Errorf("%s is of %s, not %s", id, *out.Account, want)
		}
	}
	for id, code := range map[string]string{"AKIA!!!!!!!!!!!!!!!!": "ValidationError", "short": "ValidationError", "XXXXXXXXXXXXXXXXXXXX": "ValidationError"} {
		_, err := able.GetAccessKeyInfo(t.Context(), &awssts.GetAccessKeyInfoInput{AccessKeyId: &id})
		refused(t, err, code, "")
	}
}

// The explanation of a denial is for operators of the account that was denied, and tells them all of it.
func TestDecodeAuthorizationMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	decode := allow("sts:DecodeAuthorizationMessage", "*")
	denied := w.user(account, "denied", allow("kms:Decrypt", "*"))
	var e smithy.APIError
	if !errors.As(w.probe(denied), &e) {
		t.Fatal("not denied")
	}
	_, message, ok := strings.Cut(e.ErrorMessage(), " Encoded authorization failure message: ")
	if !ok {
		t.Fatal(e.ErrorMessage())
	}
	read := func(c *awssts.Client, message string) (string, error) {
		out, err := c.DecodeAuthorizationMessage(t.Context(), &awssts.DecodeAuthorizationMessageInput{EncodedMessage: &message})
		if err != nil {
			return "", err
		}
		return *out.DecodedMessage, nil
	}
	operator, stranger := w.user(account, "operator", decode), w.user(other, "stranger", decode)
	text, err := read(operator, message)
	w.ok(err)
	var m struct {
		Allowed, ExplicitDeny bool
		Context               struct {
			Principal struct{ ID, ARN string }
			Action    string
		}
		Explanation any
	}
	w.ok(json.Unmarshal([]byte(text), &m))
	if m.Allowed || m.ExplicitDeny || m.Context.Action != probe || m.Context.Principal.ARN != "arn:aws:iam::"+account+":user/denied" || m.Explanation == nil {
		t.Error(text)
	}
	_, err = read(denied, message)
	refused(t, err, "AccessDenied", "sts:DecodeAuthorizationMessage")
	for name, c := range map[string]struct {
		client  *awssts.Client
		message string
	}{
		"of another account": {stranger, message}, "cut": {operator, message[:len(message)-1]}, "none": {operator, "e30"},
		"not base64": {operator, "!!!"}, "changed": {operator, "A" + message[1:]}, "escaped": {operator, url.QueryEscape("%" + message)},
	} {
		if name == "changed" && message[0] == 'A' {
			c.message = "B" + message[1:]
		}
		_, err := read(c.client, c.message)
		refused(t, err, "InvalidAuthorizationMessageException", "")
	}
	// of a foreign resource's policy, the explanation says nothing
	arn := w.role(other, "theirs", `{"Sid":"Theirs","Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}`, "")
	_, err = w.assume(w.user(account, "able", all), arn, nil)
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	_, message, _ = strings.Cut(e.ErrorMessage(), " Encoded authorization failure message: ")
	text, err = read(operator, message)
	w.ok(err)
	if strings.Contains(text, "Theirs") || strings.Contains(text, "trust") {
		t.Error("tells of another account's policy:", text)
	}
	_, err = read(stranger, message)
	refused(t, err, "InvalidAuthorizationMessageException", "")
}
