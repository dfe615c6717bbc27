package audit

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/authn"
)

var update = flag.Bool("update", false, "write the golden files")

func testID(b byte) ID {
	var id ID
	for i := range id {
		id[i] = b
	}
	return id
}

// samples are one event of each kind.
func samples(t testing.TB) map[string]*Event {
	role := &authn.Principal{
		Kind: authn.AssumedRole, Account: account, ARN: "arn:aws:sts::111122223333:assumed-role/app/Access/alice",
		RoleARN: "arn:aws:iam::111122223333:role/app/Access", UserID: "AROAEXAMPLE:alice", Name: "alice",
		AccessKeyID: "ASIAEXAMPLE", IssuedAt: day, ExpiresAt: day.Add(time.Hour), SourceIdentity: "alice@example.com",
		FederatedProvider: "arn:aws:iam::111122223333:oidc-provider/issuer.example.com", MFAAt: day,
		Tags: authn.Tags{{Key: "TenantID", Value: "acme", Transitive: true}, {Key: "team", Value: "blue"}},
	}
	base := func(name string) *Event {
		return &Event{
			ID: testID(0xab), Time: day.Add(90*time.Minute + 1500*time.Millisecond), Source: "dynamodb.amazonaws.com", Name: name,
			Region: "us-east-1", SourceIP: netip.MustParseAddr("192.0.2.1"), UserAgent: "aws-cli/2.0", RequestID: "REQ",
			Identity: IdentityOf(role), Tags: role.Tags, Tenant: tenantID(t, "acme"), Account: account,
			Decision: Decision{Effect: "Allow", Statement: "OwnRows", Policy: "arn:aws:iam::111122223333:policy/rows"},
		}
	}
	data := base("PutItem")
	data.Params = []Param{{"tableName", "orders"}}
	data.Resources = []Resource{{"arn:aws:dynamodb:us-east-1:111122223333:table/orders", account, "AWS::DynamoDB::Table"}}
	data.TLS = TLS{"TLSv1.3", "TLS_AES_128_GCM_SHA256", "localhost:4600"}
	refused := base("Scan")
	refused.ReadOnly = true
	refused.ErrorCode, refused.ErrorMessage = "AccessDeniedException", "User: x is not authorized"
	refused.Decision = Decision{Effect: "Deny", Statement: "AllowAll", Policy: "inline", Guard: "the policy reaches rows of another tenant"}
	user := base("CreateRole")
	user.Management, user.Source = true, "iam.amazonaws.com"
	user.Tags, user.Identity = nil, IdentityOf(&authn.Principal{
		Kind: authn.User, Account: account, ARN: "arn:aws:iam::111122223333:user/op", UserID: "AIDAEXAMPLE", Name: "op", AccessKeyID: "AKIAEXAMPLE",
	})
	user.SharedID = testID(0xcd)
	anonymous := &Event{
		ID: testID(1), Time: day, Source: "cognito-idp.amazonaws.com", Name: "InitiateAuth", Region: "us-east-1", Management: true,
		Identity: IdentityOf(nil), SourceIP: netip.MustParseAddr("fe80::1%eth0"), ErrorCode: "NotAuthorizedException",
	}
	service := base("Decrypt")
	service.SourceIP, service.Identity.InvokedBy = netip.Addr{}, "dynamodb.amazonaws.com"
	gap := &Event{
		ID: testID(2), Time: day, Source: SelfSource, Name: GapName, Management: true, kind: kindGap,
		Identity: Identity{Type: "AWSService", InvokedBy: SelfSource},
		marker:   append([]Param{{"node", "node-b"}}, gapAfter(&head{chain: 3, node: "node-a", count: 7, time: day}, "stopped")...),
	}
	large := base("BatchWriteItem")
	for range 1000 {
		large.Resources = append(large.Resources, Resource{ARN: strings.Repeat("x", 1000)})
	}
	return map[string]*Event{
		"data": data, "refused": refused, "user": user, "anonymous": anonymous, "service": service, "gap": gap, "large": large,
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, e := range samples(t) {
		var got bytes.Buffer
		if err := json.Indent(&got, appendJSON(nil, e), "", "  "); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got.WriteByte('\n')
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s:\n%s", name, got.String())
		}
	}
}

func TestStringsAreSafe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": `"plain"`, "a\"b\\c": `"a\"b\\c"`, "\n\x00\x7f": `"\u000a\u0000\u007f"`, "é\u2028": "\"é\u2028\"", "a\xffb": "\"a\ufffdb\"",
	} {
		if got := string(appendString(nil, in)); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
	for _, in := range []string{strings.Repeat("é", maxString), strings.Repeat("x", maxString+1), strings.Repeat("\x80", maxString+9)} {
		got := appendString(nil, in)
		var back string
		if err := json.Unmarshal(got, &back); err != nil || !utf8.ValidString(back) || len(back) > 3*maxString {
			t.Errorf("%q…: %d bytes, %v", in[:4], len(back), err)
		}
		if strings.ContainsRune(back, utf8.RuneError) && utf8.ValidString(in) {
			t.Errorf("%q…: a character was cut", in[:4])
		}
	}
}

func FuzzEventIsJSON(f *testing.F) {
	f.Add("name", "agent", "tag\x00", "\xff")
	f.Fuzz(func(t *testing.T, name, agent, tag, value string) {
		e := &Event{
			Name: name, UserAgent: agent, Tags: authn.Tags{{Key: tag, Value: value, Transitive: true}}, Params: []Param{{tag, value}},
			Resources: []Resource{{ARN: value}}, Identity: Identity{UserName: name},
		}
		b := appendJSON(nil, e)
		if !json.Valid(b) || !utf8.Valid(b) {
			t.Errorf("not JSON: %q", b)
		}
	})
}

func FuzzPayload(f *testing.F) {
	f.Add(appendPayload(nil, &Event{Name: "x", Account: account}))
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parsePayload(b)
		if err == nil && payloadFixed+4+len(m.account)+len(m.tenant)+len(m.json) != len(b) {
			t.Errorf("parts of %d bytes do not add up", len(b))
		}
	})
}

func TestIDs(t *testing.T) {
	t.Parallel()
	id := NewID()
	if s := id.String(); s[14] != '4' || !strings.ContainsRune("89ab", rune(s[19])) {
		t.Errorf("not version 4: %s", s)
	}
	if back, ok := ParseID(id.String()); !ok || back != id {
		t.Errorf("%v: %v", id, back)
	}
	for _, s := range []string{"", id.String()[1:], strings.ReplaceAll(id.String(), "-", "0"), "zzzzzzzz-0000-4000-8000-000000000000"} {
		if _, ok := ParseID(s); ok {
			t.Errorf("%q is an id", s)
		}
	}
}

func TestIdentityOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		p    *authn.Principal
		want string
	}{
		{nil, "Unknown"},
		{&authn.Principal{}, "Unknown"},
		{&authn.Principal{Account: account}, "AWSAccount"},
		{&authn.Principal{Kind: authn.Root, Account: account}, "Root"},
		{&authn.Principal{Kind: authn.User}, "IAMUser"},
		{&authn.Principal{Kind: authn.AssumedRole}, "AssumedRole"},
		{&authn.Principal{Kind: authn.FederatedUser}, "FederatedUser"},
	} {
		if got := IdentityOf(tc.p).Type; got != tc.want {
			t.Errorf("%+v: %s", tc.p, got)
		}
	}
}
