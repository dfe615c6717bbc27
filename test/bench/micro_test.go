package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/authn/sigv4"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/awsjson"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

const secret = "bench-secret-bench-secret-bench-secret-0"

// signed is a PutItem request that credentials have signed, as a server reads it.
func signed(b *testing.B, by aws.Credentials) (*http.Request, []byte) {
	b.Helper()
	c := put(table)[0]
	raw, err := (&bed{addr: "127.0.0.1:4600"}).sign(c, by)
	if err != nil {
		b.Fatal(err)
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		b.Fatal(err)
	}
	return r, []byte(c.body)
}

func verify(v *sigv4.Verifier, r *http.Request, body []byte) error {
	sig, err := v.Parse(r)
	if err == nil {
		_, err = v.Verify(context.Background(), r, &sig, body, "dynamodb")
	}
	return err
}

// BenchmarkSignature checks a signature, beside the hashes alone that no check can leave out, and beside the steps of
// AWS's guide written down plainly; and one of a session's credentials beside one of a long-term key.
func BenchmarkSignature(b *testing.B) {
	caller := &authn.Principal{Kind: authn.AssumedRole, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/data/bench",
		RoleARN: "arn:aws:iam::" + account + ":role/data", UserID: "AROAAAAAAAAAAAAAAAAAA:bench", Name: "bench",
		Tags: authn.Tags{{Key: "TenantID", Value: "acme"}}}
	sealer, err := session.NewSealer(session.Options{
		Current:  session.Key{ID: 1, Secret: sha256.Sum256([]byte("bench"))},
		TenantOf: func(authn.Tags) (tenant.ID, bool) { return tenant.ID{}, false },
	})
	if err != nil {
		b.Fatal(err)
	}
	minted, err := sealer.Mint(caller, time.Now(), time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	v := sigv4.NewVerifier(sigv4.Options{Lookup: func(_ context.Context, id, token string) ([]byte, *authn.Principal, error) {
		if token != "" {
			p, secret, err := sealer.Open(token, id, time.Now())
			return secret, p, err
		}
		return []byte(secret), caller, nil
	}})
	r, body := signed(b, aws.Credentials{AccessKeyID: "AKIABENCHBENCHBENCH2", SecretAccessKey: secret})
	s, sessionBody := signed(b, aws.Credentials{
		AccessKeyID: minted.AccessKeyID, SecretAccessKey: minted.SecretAccessKey, SessionToken: minted.SessionToken,
	})
	key := loop("signature of a long-term key", func() error { return verify(v, r, body) })
	b.Run("key", func(b *testing.B) {
		compare(b, "signature", key, []side{
			loop("hashes alone", hashes(r, body)),
			loop("textbook", func() error { return textbook(r, body) }),
		}, []aim{atLeast(0.65, "hashes"), atLeast(6, "textbook")})
	})
	b.Run("session", func(b *testing.B) {
		own := loop("session", func() error { return verify(v, s, sessionBody) })
		compare(b, "signature of a session", own, []side{{"a long-term key's", key.run}}, []aim{atMost(1.3, "a key's")})
	})
}

// hashes does the work over texts of the sizes that the request has.
func hashes(r *http.Request, body []byte) func() error {
	canonical, toSign := []byte(canonicalRequest(r, body)), make([]byte, 140)
	mac := hmac.New(sha256.New, sigv4Key(r))
	sum := make([]byte, 0, sha256.Size)
	return func() error {
		sha256.Sum256(body)
		sha256.Sum256(canonical)
		mac.Reset()
		mac.Write(toSign) // never fails
		sum = mac.Sum(sum[:0])
		return nil
	}
}

func authorization(r *http.Request, name string) string {
	_, s, _ := strings.Cut(r.Header.Get("Authorization"), name+"=")
	s, _, _ = strings.Cut(s, ",")
	return s
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func hmacOf(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text)) // never fails
	return m.Sum(nil)
}

func canonicalRequest(r *http.Request, body []byte) string {
	list := authorization(r, "SignedHeaders")
	var lines strings.Builder
	for h := range strings.SplitSeq(list, ";") {
		v := strings.Join(r.Header[textproto.CanonicalMIMEHeaderKey(h)], ",")
		switch h {
		case "host":
			v = r.Host
		case "content-length":
			v = fmt.Sprint(r.ContentLength)
		}
		lines.WriteString(h + ":" + strings.TrimSpace(v) + "\n")
	}
	return strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.Query().Encode(), lines.String(), list, sha(body)}, "\n")
}

func sigv4Key(r *http.Request) []byte {
	p := strings.Split(authorization(r, "Credential"), "/")
	k := []byte("AWS4" + secret)
	for _, part := range p[1:] {
		k = hmacOf(k, part)
	}
	return k
}

// textbook follows "Create a signed AWS API request" (IAM User Guide) step by step.
func textbook(r *http.Request, body []byte) error {
	_, scope, _ := strings.Cut(authorization(r, "Credential"), "/")
	toSign := strings.Join([]string{sigv4.Algorithm, r.Header.Get("X-Amz-Date"), scope, sha([]byte(canonicalRequest(r, body)))}, "\n")
	if hex.EncodeToString(hmacOf(sigv4Key(r), toSign)) != authorization(r, "Signature") {
		return errors.New("another signature")
	}
	return nil
}

// policies is a directory with one answer.
type policies authz.PrincipalPolicies

func (p *policies) Policies(context.Context, *authn.Principal) (*authz.PrincipalPolicies, error) {
	return (*authz.PrincipalPolicies)(p), nil
}

const orders = "arn:aws:dynamodb:us-east-1:" + account + ":table/orders"

// manyPolicies are n policies like the tenant role's, each for a table of its own but the last, which is for the table
// that is asked about.
func manyPolicies(b *testing.B, n int) *policy.Set {
	b.Helper()
	sources := make([]policy.Source, n)
	for i := range sources {
		text := abac
		if i < n-1 {
			text = strings.ReplaceAll(abac, "table/orders", fmt.Sprintf("table/orders%d", i))
		}
		p, err := policy.Parse([]byte(text), policy.Identity)
		if err != nil {
			b.Fatal(err)
		}
		sources[i] = policy.Source{Name: fmt.Sprint(i), Policy: p}
	}
	return policy.NewSet(sources)
}

// handCompiled is the policy's first statement as a programmer would write it for this request.
func handCompiled(action, resource, tag string, leading []string) bool {
	if !strings.EqualFold(action, "dynamodb:DescribeTable") && !strings.EqualFold(action, "dynamodb:GetItem") &&
		!strings.EqualFold(action, "dynamodb:PutItem") && !strings.EqualFold(action, "dynamodb:Query") {
		return false
	}
	if resource != orders || tag == "" {
		return false
	}
	return !slices.ContainsFunc(leading, func(k string) bool {
		rest, ok := strings.CutPrefix(k, tag)
		return !ok || rest != "" && rest[0] != '#'
	})
}

// BenchmarkDecision decides the tenant's PutItem: by the policy engine alone beside the same by hand, and the whole
// authorization (condition keys, policies, guard, grant) with 10,000 policies beside one.
func BenchmarkDecision(b *testing.B) {
	leading := []string{"acme#000001"}
	caller := &authn.Principal{Kind: authn.AssumedRole, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/data/bench",
		RoleARN: "arn:aws:iam::" + account + ":role/data", UserID: "AROAAAAAAAAAAAAAAAAAA:bench", Name: "bench",
		AccessKeyID: "ASIABENCHBENCHBENCH3", Tags: authn.Tags{{Key: "TenantID", Value: "acme"}}, IssuedAt: time.Now()}
	one, many := manyPolicies(b, 1), manyPolicies(b, 10_000)
	keys := &policy.Context{}
	keys.Set("aws:PrincipalTag/TenantID", "acme")
	keys.Set("aws:PrincipalArn", caller.RoleARN)
	keys.Set("dynamodb:LeadingKeys", leading...)
	asked := &policy.Request{
		Action: "dynamodb:PutItem", Resource: orders, ResourceAccount: account,
		Principal: policy.Principal{Account: account, ARN: caller.ARN, IssuerARN: caller.RoleARN}, Context: keys,
	}
	evaluate := func(set *policy.Set) func() error {
		ps := &policy.Policies{Identity: set}
		return func() error {
			if !policy.Evaluate(asked, ps).Allowed {
				return errors.New("denied")
			}
			return nil
		}
	}
	b.Run("policies", func(b *testing.B) {
		compare(b, "IAM decision", loop("engine", evaluate(one)), []side{loop("by hand", func() error {
			if !handCompiled(asked.Action, asked.Resource, "acme", leading) {
				return errors.New("denied")
			}
			return nil
		})}, []aim{atMost(5, "by hand")})
	})
	b.Run("10000", func(b *testing.B) {
		compare(b, "IAM decision, 10,000 policies", loop("many", evaluate(many)), []side{loop("one policy", evaluate(one))},
			[]aim{atMost(1.5, "one policy")})
	})
	authorize := func(set *policy.Set) func() error {
		e := authz.NewEngine(&policies{Identity: set}, "o-bench")
		res := authz.Resource{ARN: orders, Account: account, Region: region, ID: "t"}
		set1 := func(k *policy.Context) { k.Set("dynamodb:LeadingKeys", leading...) }
		return func() error {
			out, err := e.Authorize(context.Background(), &authz.Request{
				Caller: caller, Service: "dynamodb", Region: region, Access: authz.Write,
				Requirement: authz.RequireChecks(authz.Check{
					Action: "dynamodb:PutItem", Resource: res, Keys: set1, Rows: &authz.Rows{Leading: leading, Write: true},
				}),
				Env: authz.Environment{Now: caller.IssuedAt, UserAgent: "bench/1"},
			})
			if err == nil && !out.Allowed() {
				err = errors.New("denied")
			}
			return err
		}
	}
	b.Run("authorize", func(b *testing.B) {
		compare(b, "whole authorization", loop("authorize", authorize(one)), []side{loop("policies alone", evaluate(one))}, []aim{{}})
	})
}

// plainValue is how encoding/json would hold an attribute value.
type plainValue struct {
	S, N       *string
	BOOL, NULL *bool
	B          []byte
	M          map[string]plainValue
	L          []plainValue
	SS, NS     []string
	BS         [][]byte
}

// BenchmarkDecode reads and validates the body of a PutItem, beside encoding/json, which validates less.
func BenchmarkDecode(b *testing.B) {
	body := []byte(put(table)[0].body)
	r := &protocol.Request{Method: http.MethodPost, Path: "/", Query: url.Values{}, Body: body}
	compare(b, "item decode", loop("decode", func() error {
		return awsjson.Decode(r, new(api.PutItemInput))
	}), []side{loop("encoding/json", func() error {
		var in struct {
			TableName string
			Item      map[string]plainValue
		}
		return json.Unmarshal(body, &in)
	})}, []aim{atLeast(8, "encoding/json")})
}
