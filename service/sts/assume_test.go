package sts

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	iamapi "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
)

// Who may assume a role: what its trust policy and the caller's own policies say together ("How IAM roles differ from
// resource-based policies" and "Cross-account policy evaluation logic", IAM User Guide).
func TestTrust(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	const deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}]}`
	callers := map[string]*awssts.Client{
		"plain": w.user(account, "plain", ""), "allowed": w.user(account, "allowed", allow("sts:AssumeRole", "*")),
		"denied": w.user(account, "denied", deny), "narrow": w.user(account, "narrow", allow("sts:AssumeRole", "arn:aws:iam::"+account+":role/else")),
		"foreign": w.user(other, "foreign", ""), "foreign allowed": w.user(other, "foreignallowed", allow("sts:AssumeRole", "*")),
		"root": w.root(), "unsigned": w.client("", "", ""),
	}
	user := func(account, name string) string { return awsPrincipal("arn:aws:iam::" + account + ":user/" + name) }
	external := `"StringEquals":{"sts:ExternalId":"deal-1"}`
	for name, c := range map[string]struct {
		caller, principal, condition, externalID string
		code, message                            string
	}{
		"the user is enough":                   {"plain", user(account, "plain"), "", "", "", ""},
		"another user":                         {"allowed", user(account, "plain"), "", "", "AccessDenied", "no resource-based policy allows"},
		"its own policy denies":                {"denied", user(account, "denied"), "", "", "AccessDenied", "explicit deny in an identity-based policy"},
		"the account, and no policy":           {"plain", rootOf(account), "", "", "AccessDenied", "no identity-based policy allows the sts:AssumeRole action"},
		"the account, and a policy":            {"allowed", rootOf(account), "", "", "", ""},
		"the account, a policy for another":    {"narrow", rootOf(account), "", "", "AccessDenied", "no identity-based policy"},
		"the account, and a policy that bans":  {"denied", rootOf(account), "", "", "AccessDenied", "explicit deny"},
		"another account's user, one side":     {"foreign", user(other, "foreign"), "", "", "AccessDenied", "no identity-based policy"},
		"another account's user, both sides":   {"foreign allowed", user(other, "foreignallowed"), "", "", "", ""},
		"another account, both sides":          {"foreign allowed", rootOf(other), "", "", "", ""},
		"another account, one side":            {"foreign", rootOf(other), "", "", "AccessDenied", "no identity-based policy"},
		"another account that is not trusted":  {"foreign allowed", rootOf(account), "", "", "AccessDenied", "no resource-based policy"},
		"anybody, both sides":                  {"foreign allowed", `"*"`, "", "", "", ""},
		"anybody, another account's one side":  {"foreign", `"*"`, "", "", "AccessDenied", "no identity-based policy"},
		"external id":                          {"foreign allowed", rootOf(other), external, "deal-1", "", ""},
		"external id wrong":                    {"foreign allowed", rootOf(other), external, "deal-2", "AccessDenied", "no resource-based policy"},
		"external id in another case":          {"foreign allowed", rootOf(other), external, "Deal-1", "AccessDenied", "no resource-based policy"},
		"external id missing":                  {"foreign allowed", rootOf(other), external, "", "AccessDenied", "no resource-based policy"},
		"external id not asked for":            {"foreign allowed", rootOf(other), "", "deal-1", "", ""},
		"external id malformed":                {"foreign allowed", rootOf(other), external, "deal 1", "ValidationError", "externalId"},
		"session name wanted":                  {"plain", user(account, "plain"), `"StringEquals":{"sts:RoleSessionName":"session"}`, "", "", ""},
		"another session name wanted":          {"plain", user(account, "plain"), `"StringEquals":{"sts:RoleSessionName":"else"}`, "", "AccessDenied", ""},
		"root may not assume, even if trusted": {"root", rootOf(account), "", "", "AccessDenied", "Roles may not be assumed by root accounts."},
		"nobody":                               {"unsigned", `"*"`, "", "", "MissingAuthenticationToken", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			arn := w.role(account, "r"+strings.Map(letters, name), trusts(c.principal, assume, c.condition), "")
			_, err := w.assume(callers[c.caller], arn, func(in *awssts.AssumeRoleInput) {
				if c.externalID != "" {
					in.ExternalId = &c.externalID
				}
			})
			checked(t, err, c.code, c.message)
		})
	}
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

// A caller cannot find out which roles exist, in its own account or another.
func TestNoSuchRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	caller := w.user(account, "caller", all)
	message := func(arn string) string {
		t.Helper()
		_, err := w.assume(caller, arn, nil)
		refused(t, err, "AccessDenied", "")
		text, _, _ := strings.Cut(err.Error(), " Encoded authorization failure message:")
		_, text, _ = strings.Cut(text, "api error")
		return strings.ReplaceAll(text, arn, "ARN")
	}
	for _, a := range []string{account, other} {
		there := w.role(a, "there", trusts(awsPrincipal("arn:aws:iam::999999999999:root"), assume, ""), "")
		want := message(there)
		for _, gone := range []string{
			"arn:aws:iam::" + a + ":role/gone", "arn:aws:iam::" + a + ":role/path/there", "arn:aws:iam::777788889999:role/there",
			"arn:aws:iam::" + a + ":user/there", "not an arn at all, really",
		} {
			if a == account && strings.Contains(gone, "777788889999") {
				continue
			}
			if got := message(gone); got != want {
				t.Errorf("%s:\ngot  %s\nwant %s", gone, got, want)
			}
		}
	}
}

// A role deleted and made anew is another: what an old one's deleted user was trusted for, a new user is not.
func TestDeletedUserIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	ctx, name := t.Context(), aws.String("u")
	first, err := w.iam.CreateUser(ctx, w.admin(account), &iamapi.CreateUserInput{UserName: name})
	w.ok(err)
	arn := w.role(account, "r", trusts(awsPrincipal(*first.User.Arn), assume, ""), "")
	_, err = w.iam.DeleteUser(ctx, w.admin(account), &iamapi.DeleteUserInput{UserName: name})
	w.ok(err)
	_, err = w.assume(w.user(account, "u", ""), arn, nil)
	refused(t, err, "AccessDenied", "")
}

// tagCase is a request with session tags and what comes of it.
type tagCase struct {
	trust, condition string // "" trusts with assumeTag
	tags             []types.Tag
	transitive       []string
	code, message    string
	want             map[string]string
}

func many(n int) (out []types.Tag) {
	for i := range n {
		out = append(out, tags(fmt.Sprint("k", i), "v")...)
	}
	return out
}

// Session tags ("Pass session tags in AWS STS", IAM User Guide).
func TestSessionTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	caller := w.user(account, "caller", "", "Owner", "caller")
	tenant := `"StringEquals":{"aws:RequestTag/TenantID":"acme"}`
	keys := `"ForAllValues:StringEquals":{"aws:TagKeys":["TenantID","Team"]}`
	transitive := `"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["TenantID"]},"Null":{"sts:TransitiveTagKeys":"false"}`
	for name, c := range map[string]tagCase{
		"none":                          {trust: assume, want: map[string]string{"Stage": "test", "Team": "role"}},
		"without sts:TagSession":        {trust: assume, tags: tags("a", "b"), code: "AccessDenied", message: "sts:TagSession"},
		"one":                           {tags: tags("a", "b"), want: map[string]string{"a": "b", "Stage": "test", "Team": "role"}},
		"over the role's, in any case":  {tags: tags("TEAM", "mine"), want: map[string]string{"TEAM": "mine", "Stage": "test"}},
		"an empty value":                {tags: tags("Team", ""), want: map[string]string{"Team": "", "Stage": "test"}},
		"a transitive one":              {tags: tags("a", "b"), transitive: []string{"A"}, want: map[string]string{"a": "b (transitive)", "Stage": "test", "Team": "role"}},
		"a transitive one not passed":   {tags: tags("a", "b"), transitive: []string{"c"}, code: "ValidationError", message: "must be included in the requested tags"},
		"the value asked for":           {condition: tenant, tags: tags("TenantID", "acme"), want: map[string]string{"TenantID": "acme", "Stage": "test", "Team": "role"}},
		"the value asked for, key case": {condition: tenant, tags: tags("tenantid", "acme"), want: map[string]string{"tenantid": "acme", "Stage": "test", "Team": "role"}},
		"another value":                 {condition: tenant, tags: tags("TenantID", "globex"), code: "AccessDenied"},
		"another value, other case":     {condition: tenant, tags: tags("TenantID", "Acme"), code: "AccessDenied"},
		"without the tag asked for":     {condition: tenant, tags: tags("Team", "acme"), code: "AccessDenied"},
		"tag keys":                      {condition: keys, tags: tags("TenantID", "x", "Team", "y"), want: map[string]string{"TenantID": "x", "Team": "y", "Stage": "test"}},
		"a tag key too many":            {condition: keys, tags: tags("TenantID", "x", "Role", "y"), code: "AccessDenied"},
		"transitive keys":               {condition: transitive, tags: tags("TenantID", "x"), transitive: []string{"TenantID"}, want: map[string]string{"TenantID": "x (transitive)", "Stage": "test", "Team": "role"}},
		"not transitive":                {condition: transitive, tags: tags("TenantID", "x"), code: "AccessDenied"},
		"another transitive key":        {condition: transitive, tags: tags("TenantID", "x", "b", "c"), transitive: []string{"TenantID", "b"}, code: "AccessDenied"},
		"twice":                         {tags: tags("a", "b", "A", "c"), code: "ValidationError", message: "Duplicate tag keys"},
		"fifty": {tags: many(50), want: func() map[string]string {
			m := tagMap(passedTagsOf(many(50)))
			m["Stage"], m["Team"] = "test", "role"
			return m
		}()},
		"fifty-one":  {tags: many(51), code: "ValidationError", message: "less than or equal to 50"},
		"long key":   {tags: tags(strings.Repeat("k", 129), "v"), code: "ValidationError", message: "less than or equal to 128"},
		"long value": {tags: tags("k", strings.Repeat("v", 257)), code: "ValidationError", message: "less than or equal to 256"},
		"a star":     {tags: tags("k", "*"), code: "ValidationError", message: "regular expression"},
		"reserved":   {tags: tags("aws:k", "v"), code: "ValidationError", message: "reserved"},
		"empty key":  {tags: tags("", "v"), code: "ValidationError", message: "key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			if c.trust == "" {
				c.trust = assumeTag
			}
			arn := w.role(account, "r"+strings.Map(letters, name), trusts(rootOfUser("caller"), c.trust, c.condition), "", "Stage", "test", "Team", "role")
			out, err := w.assume(caller, arn, func(in *awssts.AssumeRoleInput) { in.Tags, in.TransitiveTagKeys = c.tags, c.transitive })
			checked(t, err, c.code, c.message)
			if err != nil {
				return
			}
			if got := tagMap(w.principal(out.Credentials).Tags); !maps.Equal(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func rootOfUser(name string) string { return awsPrincipal("arn:aws:iam::" + account + ":user/" + name) }

// Transitive tags go along a chain of roles, and no role of it can change them.
func TestTransitiveTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	caller := w.user(account, "caller", "")
	tenant := `"StringEquals":{"aws:RequestTag/TenantID":"acme"}`
	first := w.role(account, "first", trusts(rootOfUser("caller"), assumeTag, ""), all)
	second := w.role(account, "second", trusts(rootOf(account), assumeTag, tenant), all, "tenantid", "of-the-role")
	third := w.role(account, "third", trusts(rootOf(account), assumeTag, tenant), "")
	untagged := w.role(account, "untagged", trusts(rootOf(account), assume, ""), "")

	one := w.assumes(caller, first, func(in *awssts.AssumeRoleInput) {
		in.Tags, in.TransitiveTagKeys = tags("TenantID", "acme", "Local", "x"), []string{"TenantID"}
	})
	two := w.assumes(w.session(one), second, nil)
	three := w.assumes(w.session(two), third, func(in *awssts.AssumeRoleInput) { in.Tags = tags("Own", "y") })
	for i, c := range []struct {
		creds *types.Credentials
		want  map[string]string
	}{
		{one, map[string]string{"TenantID": "acme (transitive)", "Local": "x"}},
		{two, map[string]string{"TenantID": "acme (transitive)"}},
		{three, map[string]string{"TenantID": "acme (transitive)", "Own": "y"}},
	} {
		p := w.principal(c.creds)
		if got := tagMap(p.Tags); !maps.Equal(got, c.want) {
			t.Errorf("hop %d: got %v, want %v", i+1, got, c.want)
		}
		if p.Tenant.String() != "acme" || p.TenantInvalid {
			t.Errorf("hop %d: tenant %q, invalid %v", i+1, p.Tenant, p.TenantInvalid)
		}
	}
	for _, key := range []string{"TenantID", "TENANTID"} {
		for _, value := range []string{"globex", "acme"} {
			_, err := w.assume(w.session(two), third, func(in *awssts.AssumeRoleInput) { in.Tags = tags(key, value) })
			refused(t, err, "InvalidParameterValue", "conflicts with a transitive tag key from the calling session")
		}
	}
	_, err := w.assume(w.session(one), untagged, nil)
	refused(t, err, "AccessDenied", "sts:TagSession")
	// a tag that is not transitive stays behind, and without it the chain's tenant is not there to be trusted
	local := w.assumes(caller, first, func(in *awssts.AssumeRoleInput) { in.Tags = tags("TenantID", "acme") })
	_, err = w.assume(w.session(local), second, nil)
	refused(t, err, "AccessDenied", "")
}

// The session that a tenant's session makes is the same tenant's, or no tenant's under the guard.
func TestTenantStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	caller := w.user(account, "caller", "")
	first := w.role(account, "first", trusts(rootOfUser("caller"), assumeTag, ""), all)
	second := w.role(account, "second", trusts(rootOf(account), assumeTag, ""), all)
	acme := w.session(w.assumes(caller, first, func(in *awssts.AssumeRoleInput) { in.Tags = tags("TenantID", "acme") }))
	for name, c := range map[string]struct {
		tags    []types.Tag
		tenant  string
		invalid bool
	}{
		"the same":    {tags("TenantID", "acme"), "acme", false},
		"another":     {tags("TenantID", "globex"), "", true},
		"none":        {nil, "", true},
		"not a name":  {tags("TenantID", "ACME/.."), "", true},
		"with spaces": {tags("TenantID", "acme "), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			p := w.principal(w.assumes(acme, second, func(in *awssts.AssumeRoleInput) { in.Tags = c.tags }))
			if p.Tenant.String() != c.tenant || p.TenantInvalid != c.invalid {
				t.Errorf("tenant %q, invalid %v", p.Tenant, p.TenantInvalid)
			}
		})
	}
}

// Source identity is set once and kept ("Monitor and control actions taken with assumed roles", IAM User Guide).
func TestSourceIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	caller := w.user(account, "caller", allow("sts:AssumeRole", "*"))
	first := w.role(account, "first", trusts(rootOfUser("caller"), assumeAll, `"StringLike":{"sts:SourceIdentity":"jane*"}`), all)
	second := w.role(account, "second", trusts(rootOf(account), assumeAll, `"StringEquals":{"aws:SourceIdentity":"jane"}`), all)
	plain := w.role(account, "plain", trusts(rootOf(account), assume, ""), "")
	is := func(id string) func(*awssts.AssumeRoleInput) {
		return func(in *awssts.AssumeRoleInput) { in.SourceIdentity = &id }
	}
	for _, c := range []struct {
		role, id, code, message string
	}{
		{first, "bob", "AccessDenied", ""}, {plain, "jane", "AccessDenied", "sts:SetSourceIdentity"},
		{first, "jane doe", "ValidationError", "sourceIdentity"}, {first, "j", "ValidationError", "sourceIdentity"},
	} {
		_, err := w.assume(caller, c.role, is(c.id))
		refused(t, err, c.code, c.message)
	}
	out, err := w.assume(caller, first, is("jane"))
	w.ok(err)
	if aws.ToString(out.SourceIdentity) != "jane" {
		t.Errorf("answered %v", out.SourceIdentity)
	}
	jane := w.session(out.Credentials)
	for _, edit := range []func(*awssts.AssumeRoleInput){nil, is("jane")} {
		out, err := w.assume(jane, second, edit)
		w.ok(err)
		if p := w.principal(out.Credentials); p.SourceIdentity != "jane" || aws.ToString(out.SourceIdentity) != "jane" {
			t.Errorf("got %q", p.SourceIdentity)
		}
	}
	_, err = w.assume(jane, second, is("bob"))
	refused(t, err, "AccessDenied", "source identity")
	_, err = w.assume(jane, plain, nil)
	refused(t, err, "AccessDenied", "sts:SetSourceIdentity")
}

// How long sessions last ("AssumeRole", AWS STS API Reference).
func TestDurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	caller := w.user(account, "caller", "")
	first := w.role(account, "first", trusts(rootOfUser("caller"), assume, ""), all)
	second := w.role(account, "second", trusts(rootOf(account), assume, ""), "")
	chained := w.session(w.assumes(caller, first, nil))
	for name, c := range map[string]struct {
		client        *awssts.Client
		role          string
		asked, want   int32
		code, message string
	}{
		"default":             {caller, first, 0, 3600, "", ""},
		"shortest":            {caller, first, 900, 900, "", ""},
		"too short":           {caller, first, 899, 0, "ValidationError", "durationSeconds"},
		"the role's longest":  {caller, first, 7200, 7200, "", ""},
		"over the role's":     {caller, first, 7201, 0, "ValidationError", "exceeds the MaxSessionDuration set for this role"},
		"over any":            {caller, first, 43201, 0, "ValidationError", "durationSeconds"},
		"negative":            {caller, first, -1, 0, "ValidationError", "durationSeconds"},
		"chained":             {chained, second, 0, 3600, "", ""},
		"chained, an hour":    {chained, second, 3600, 3600, "", ""},
		"chained, any longer": {chained, second, 3601, 0, "ValidationError", "1 hour session limit for roles assumed by role chaining"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			out, err := w.assume(c.client, c.role, func(in *awssts.AssumeRoleInput) {
				if c.asked != 0 {
					in.DurationSeconds = &c.asked
				}
			})
			checked(t, err, c.code, c.message)
			if err != nil {
				return
			}
			p := w.principal(out.Credentials)
			if got := p.ExpiresAt.Sub(p.IssuedAt); got != time.Duration(c.want)*time.Second || !out.Credentials.Expiration.Equal(p.ExpiresAt) {
				t.Errorf("lasts %v until %v", got, out.Credentials.Expiration)
			}
			if p.Chained != (c.client == chained) {
				t.Error("chained", p.Chained)
			}
		})
	}
}

// Session policies limit a session to what they and the role's allow ("Policies and permissions in IAM: session policies").
func TestSessionPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	caller := w.user(account, "caller", "")
	arn := w.role(account, "r", trusts(rootOfUser("caller"), assumeTag, ""), allow("sts:GetAccessKeyInfo", "*"))
	made, err := w.iam.CreatePolicy(t.Context(), w.admin(account), &iamapi.CreatePolicyInput{
		PolicyName: aws.String("m"), PolicyDocument: aws.String(allow("sts:GetAccessKeyInfo", "*")),
	})
	w.ok(err)
	padded := func(n int) string {
		return allow("sts:GetAccessKeyInfo", "*") + strings.Repeat(" ", n-len(allow("sts:GetAccessKeyInfo", "*")))
	}
	for name, c := range map[string]struct {
		policy        string
		arns          []string
		code, message string
		info          bool // the session may call GetAccessKeyInfo
	}{
		"none":                     {info: true},
		"all":                      {policy: all, info: true},
		"something else":           {policy: allow("sts:DecodeAuthorizationMessage", "*")},
		"more than the role's":     {policy: allow("sts:*", "*"), info: true},
		"managed":                  {arns: []string{*made.Policy.Arn}, info: true},
		"managed, of AWS":          {arns: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}, info: true},
		"managed, or document":     {policy: allow("sts:DecodeAuthorizationMessage", "*"), arns: []string{*made.Policy.Arn}, info: true},
		"not JSON":                 {policy: `{`, code: "MalformedPolicyDocument"},
		"no effect":                {policy: `{"Version":"2012-10-17","Statement":[{"Action":"*","Resource":"*"}]}`, code: "MalformedPolicyDocument"},
		"with a principal":         {policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`, code: "MalformedPolicyDocument"},
		"longest":                  {policy: padded(2048), info: true},
		"too long":                 {policy: padded(2049), code: "ValidationError", message: "less than or equal to 2048"},
		"managed, malformed":       {arns: []string{"arn:aws:iam::" + account + ":nothing"}, code: "ValidationError"},
		"managed, no such":         {arns: []string{"arn:aws:iam::" + account + ":policy/gone"}, code: "ValidationError"},
		"managed, another account": {arns: []string{"arn:aws:iam::" + other + ":policy/m"}, code: "ValidationError"},
		"eleven":                   {arns: strings.Split(strings.Repeat(*made.Policy.Arn+" ", 11)[:11*len(*made.Policy.Arn)+10], " "), code: "ValidationError", message: "less than or equal to 10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			out, err := w.assume(caller, arn, func(in *awssts.AssumeRoleInput) {
				if c.policy != "" {
					in.Policy = &c.policy
				}
				for i := range c.arns {
					in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: &c.arns[i]})
				}
			})
			checked(t, err, c.code, c.message)
			if err != nil {
				return
			}
			code := "AccessDenied"
			if c.info {
				code = ""
			}
			_, err = w.session(out.Credentials).GetAccessKeyInfo(t.Context(), &awssts.GetAccessKeyInfoInput{AccessKeyId: aws.String(rootID)})
			checked(t, err, code, "no session policy allows")
		})
	}
	small, err := w.assume(caller, arn, nil)
	w.ok(err)
	large, err := w.assume(caller, arn, func(in *awssts.AssumeRoleInput) { in.Policy, in.Tags = aws.String(padded(2000)), many(20) })
	w.ok(err)
	if a, b := *small.PackedPolicySize, *large.PackedPolicySize; a < 0 || b <= a || b > 100 { //nolint:staticcheck // deprecated, and answered all the same
		t.Errorf("packed sizes %d%%, %d%%", a, b)
	}
	_, err = w.assume(caller, arn, func(in *awssts.AssumeRoleInput) {
		for i := range 50 {
			in.Tags = append(in.Tags, tags(fmt.Sprint(i, strings.Repeat("ключ", 30)), strings.Repeat("значение", 32))...)
		}
	})
	refused(t, err, "PackedPolicyTooLarge", "%")
}

// There are no MFA devices, so no code is right; and what a session is called is what GetCallerIdentity says.
func TestAssumeRoleAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webtoken.Options{})
	caller := w.user(account, "caller", "")
	arn := w.role(account, "r", trusts(rootOfUser("caller"), assume, ""), "")
	_, err := w.assume(caller, arn, func(in *awssts.AssumeRoleInput) {
		in.SerialNumber, in.TokenCode = aws.String("arn:aws:iam::"+account+":mfa/x"), aws.String("123456")
	})
	refused(t, err, "AccessDenied", "MultiFactorAuthentication failed")
	out, err := w.assume(caller, arn, nil)
	w.ok(err)
	who, err := w.session(out.Credentials).GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	w.ok(err)
	if want := "arn:aws:sts::" + account + ":assumed-role/r/session"; *out.AssumedRoleUser.Arn != want || *who.Arn != want {
		t.Error(*out.AssumedRoleUser.Arn, *who.Arn)
	}
	if !strings.HasPrefix(*who.UserId, "AROA") || *who.UserId != *out.AssumedRoleUser.AssumedRoleId || *who.Account != account {
		t.Error(*who.UserId, *out.AssumedRoleUser.AssumedRoleId, *who.Account)
	}
	// another's token, key or secret makes no caller
	c := out.Credentials
	second := w.assumes(caller, arn, nil)
	for name, client := range map[string]*awssts.Client{
		"another's token":  w.client(*c.AccessKeyId, *c.SecretAccessKey, *second.SessionToken),
		"another's secret": w.client(*c.AccessKeyId, *second.SecretAccessKey, *c.SessionToken),
		"no token":         w.client(*c.AccessKeyId, *c.SecretAccessKey, ""),
	} {
		if _, err := client.GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{}); err == nil {
			t.Error(name, "is taken")
		}
	}
}
