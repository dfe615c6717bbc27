package policy_test

import (
	"fmt"
	"testing"

	"github.com/bulkhead/bulkhead/internal/policy"
)

const bucketKey = "arn:aws:s3:::b/acme/x"

// TestConditionTraps are the conditions that people get wrong. Each runs in an Allow and in a Deny; the two differ
// where a variable cannot be resolved or a single-valued operator meets several values.
func TestConditionTraps(t *testing.T) {
	t.Parallel()
	const (
		tag    = "aws:PrincipalTag/T"
		both   = "both"
		onDeny = "deny only"
		never  = "never"
	)
	for _, c := range []struct {
		name, condition string
		ctx             keys
		met             string
	}{
		{"absent, equals", `"StringEquals":{"k:A":"x"}`, nil, never},
		{"absent, not equals", `"StringNotEquals":{"k:A":"x"}`, nil, both},
		{"absent, not like", `"StringNotLike":{"k:A":"*"}`, nil, both},
		{"absent, not IP", `"NotIpAddress":{"k:A":"10.0.0.0/8"}`, nil, both},
		{"absent, numeric not equals", `"NumericNotEquals":{"k:A":1}`, nil, both},
		{"absent, less than", `"NumericLessThan":{"k:A":1}`, nil, never},
		{"absent, bool", `"Bool":{"k:A":"false"}`, nil, never},
		{"absent, IfExists", `"StringEqualsIfExists":{"k:A":"x"}`, nil, both},
		{"absent, bool IfExists", `"BoolIfExists":{"k:A":true}`, nil, both},
		{"present, IfExists", `"StringEqualsIfExists":{"k:A":"x"}`, keys{"k:A": {"y"}}, never},
		{"absent, ForAllValues", `"ForAllValues:StringEquals":{"k:A":"x"}`, nil, both},
		{"absent, ForAllValues not", `"ForAllValues:StringNotEquals":{"k:A":"x"}`, nil, both},
		{"absent, ForAnyValue", `"ForAnyValue:StringEquals":{"k:A":"x"}`, nil, never},
		{"absent, ForAnyValue not", `"ForAnyValue:StringNotEquals":{"k:A":"x"}`, nil, never},
		{"absent, ForAnyValue IfExists", `"ForAnyValue:StringEqualsIfExists":{"k:A":"x"}`, nil, both},
		{"ForAllValues all", `"ForAllValues:StringEquals":{"k:A":["x","y"]}`, keys{"k:A": {"y", "x"}}, both},
		{"ForAllValues one foreign", `"ForAllValues:StringEquals":{"k:A":["x","y"]}`, keys{"k:A": {"x", "z"}}, never},
		{"ForAllValues empty value", `"ForAllValues:StringEquals":{"k:A":["x"]}`, keys{"k:A": {""}}, both},
		{"ForAllValues not", `"ForAllValues:StringNotEquals":{"k:A":["x"]}`, keys{"k:A": {"x", "z"}}, never},
		{"ForAnyValue one", `"ForAnyValue:StringEquals":{"k:A":["x"]}`, keys{"k:A": {"z", "x"}}, both},
		{"ForAnyValue none", `"ForAnyValue:StringEquals":{"k:A":["x"]}`, keys{"k:A": {"z"}}, never},
		{"ForAnyValue not", `"ForAnyValue:StringNotEquals":{"k:A":["x"]}`, keys{"k:A": {"x", "z"}}, both},
		{"ForAnyValue not, only it", `"ForAnyValue:StringNotEquals":{"k:A":["x"]}`, keys{"k:A": {"x"}}, never},
		{"several values, equals", `"StringEquals":{"k:A":"x"}`, keys{"k:A": {"x", "z"}}, onDeny},
		{"several values, not equals", `"StringNotEquals":{"k:A":"x"}`, keys{"k:A": {"x", "z"}}, onDeny},
		{"not equals is none of the list", `"StringNotEquals":{"k:A":["x","y"]}`, keys{"k:A": {"y"}}, never},

		{"Null true, absent", `"Null":{"k:A":"true"}`, nil, both},
		{"Null true, present", `"Null":{"k:A":true}`, keys{"k:A": {"x"}}, never},
		{"Null false, present", `"Null":{"k:A":"false"}`, keys{"k:A": {"x"}}, both},
		{"Null false, empty value", `"Null":{"k:A":"false"}`, keys{"k:A": {""}}, never},

		{"empty tag is text", `"StringEquals":{"k:A":"${aws:PrincipalTag/T}#"}`, keys{tag: {""}, "k:A": {"#"}}, both},
		{"star tag", `"StringLike":{"k:A":"${aws:PrincipalTag/T}"}`, keys{tag: {"*"}, "k:A": {"acme"}}, never},
		{"star tag, itself", `"StringLike":{"k:A":"${aws:PrincipalTag/T}"}`, keys{tag: {"*"}, "k:A": {"*"}}, both},
		{"variable in tag", `"StringLike":{"k:A":"${aws:PrincipalTag/T}"}`, keys{tag: {"${k:A}"}, "k:A": {"acme"}}, never},
		{"prefix-related", `"StringLike":{"k:A":"${aws:PrincipalTag/T}/*"}`, keys{tag: {"acme"}, "k:A": {"acme2/x"}}, never},
		{"no separator: a hole, AWS's too", `"StringLike":{"k:A":"${aws:PrincipalTag/T}*"}`,
			keys{tag: {"acme"}, "k:A": {"acme2/x"}}, both},
		{"tag key by case", `"StringEquals":{"aws:principaltag/t":"acme"}`, keys{tag: {"acme"}}, both},
		{"tag value by case", `"StringEquals":{"aws:PrincipalTag/T":"Acme"}`, keys{tag: {"acme"}}, never},
		{"unset tag", `"StringEquals":{"k:A":"${aws:PrincipalTag/T}"}`, keys{"k:A": {""}}, never},
		{"unset tag, not equals", `"StringNotEquals":{"k:A":"${aws:PrincipalTag/T}"}`, keys{"k:A": {"x"}}, onDeny},
		{"unset tag, absent key, not equals", `"StringNotEquals":{"k:A":"${aws:PrincipalTag/T}"}`, nil, onDeny},
		{"unset tag, absent key, ForAllValues", `"ForAllValues:StringEquals":{"k:A":"${aws:PrincipalTag/T}"}`, nil, onDeny},
		{"unset tag, absent key, IfExists", `"StringEqualsIfExists":{"k:A":"${aws:PrincipalTag/T}"}`, nil, both},
		{"unset tag beside a value", `"StringLike":{"k:A":["${aws:PrincipalTag/T}#*","PUBLIC#*"]}`, keys{"k:A": {"PUBLIC#1"}}, both},
		{"default", `"StringEquals":{"k:A":"${aws:PrincipalTag/T, 'none'}"}`, keys{"k:A": {"none"}}, both},
		{"default unused", `"StringEquals":{"k:A":"${aws:PrincipalTag/T, 'none'}"}`, keys{tag: {"t"}, "k:A": {"none"}}, never},
		{"default is literal", `"StringLike":{"k:A":"${aws:PrincipalTag/T, '*'}"}`, keys{"k:A": {"none"}}, never},
		{"two tags", `"StringEquals":{"k:A":"${aws:PrincipalTag/T}"}`, keys{tag: {"x", "y"}, "k:A": {"x"}}, never},
		{"two tags, default", `"StringEquals":{"k:A":"${aws:PrincipalTag/T, 'x'}"}`, keys{tag: {"x", "y"}, "k:A": {"x"}}, never},
		{"escaped star", `"StringLike":{"k:A":"a${*}"}`, keys{"k:A": {"ab"}}, never},
		{"escaped dollar", `"StringEquals":{"k:A":"${$}{x}"}`, keys{"k:A": {"${x}"}}, both},
		{"star under equals", `"StringEquals":{"k:A":"*"}`, keys{"k:A": {"ab"}}, never},
		{"question mark is a character", `"StringLike":{"k:A":"a?c"}`, keys{"k:A": {"aéc"}}, both},
		{"ignore case", `"StringEqualsIgnoreCase":{"k:A":"ÀB${aws:PrincipalTag/T}"}`, keys{tag: {"x"}, "k:A": {"àbX"}}, both},

		{"big numbers", `"NumericEquals":{"k:A":"10000000000000000001"}`, keys{"k:A": {"10000000000000000000"}}, never},
		{"same number", `"NumericEquals":{"k:A":"5.0"}`, keys{"k:A": {"+05"}}, both},
		{"negative", `"NumericLessThan":{"k:A":-1}`, keys{"k:A": {"-1.5"}}, both},
		{"no number", `"NumericLessThan":{"k:A":1}`, keys{"k:A": {"zero"}}, never},
		{"no number, not equals", `"NumericNotEquals":{"k:A":1}`, keys{"k:A": {"zero"}}, onDeny},
		{"date by epoch", `"DateLessThan":{"k:A":"2020-01-01T00:00:00Z"}`, keys{"k:A": {"1577836799"}}, both},
		{"date with zone", `"DateEquals":{"k:A":"2020-01-01T01:30:00+01:30"}`, keys{"k:A": {"2020-01-01"}}, both},
		{"date with fraction", `"DateGreaterThan":{"k:A":"2020-01-01T00:00:00.5Z"}`,
			keys{"k:A": {"2020-01-01T00:00:00.51Z"}}, both},
		{"IP in block", `"IpAddress":{"k:A":["192.0.2.0/24","2001:db8::/32"]}`, keys{"k:A": {"2001:db8::7"}}, both},
		{"mapped IP", `"IpAddress":{"k:A":"192.0.2.0/24"}`, keys{"k:A": {"::ffff:192.0.2.7"}}, both},
		{"not IP", `"NotIpAddress":{"k:A":"192.0.2.0/24"}`, keys{"k:A": {"192.0.3.1"}}, both},
		{"no IP", `"NotIpAddress":{"k:A":"192.0.2.0/24"}`, keys{"k:A": {"dynamodb.amazonaws.com"}}, onDeny},
		{"binary", `"BinaryEquals":{"k:A":"YQ=="}`, keys{"k:A": {"YQ=="}}, both},
		{"ARN", `"ArnLike":{"k:A":"arn:aws:iam::*:role/*"}`, keys{"k:A": {roleARN}}, both},
		{"ARN star stays in its component", `"ArnLike":{"k:A":"arn:aws:*:role/x"}`, keys{"k:A": {"arn:aws:iam::1:role/x"}}, "error"},
		{"ARN components", `"ArnEquals":{"k:A":"arn:aws:*::1:role/x"}`, keys{"k:A": {"arn:aws:iam:r:1:role/x"}}, never},
		{"ARN not, no ARN", `"ArnNotLike":{"k:A":"arn:aws:iam::*:role/*"}`, keys{"k:A": {"x"}}, onDeny},
		{"ARN by variable", `"ArnEquals":{"k:A":"${k:B}"}`, keys{"k:A": {roleARN}, "k:B": {roleARN}}, both},
		{"unknown global key", `"StringEqualsIfExists":{"aws:NoSuchKey":"x"}`, nil, onDeny},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, effect := range []string{"Allow", "Deny"} {
				doc := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":"s3:*","Resource":"*",
				 "Condition":{%s}}]}`, effect, c.condition)
				p, err := policy.Parse([]byte(doc), policy.Identity)
				if c.met == "error" {
					if err == nil {
						t.Fatal("parsed")
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				all := mustParse(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, policy.Identity)
				sources := []policy.Source{{Name: "p", Policy: p}}
				want := c.met == both
				if effect == "Deny" {
					sources = append(sources, policy.Source{Name: "all", Policy: all})
					want = c.met == never
				}
				r := &policy.Request{
					Action: "s3:GetObject", Resource: bucketKey, ResourceAccount: account,
					Principal: roleSession(), Context: c.ctx.context(),
				}
				check(t, r, &policy.Policies{Identity: policy.NewSet(sources)}, want)
			}
		})
	}
}

// TestElementTraps are those of actions, resources and versions.
func TestElementTraps(t *testing.T) {
	t.Parallel()
	const v = `"Version":"2012-10-17",`
	tag := keys{"aws:PrincipalTag/T": {"acme"}}
	for _, c := range []struct {
		name, version, statement string
		ctx                      keys
		want                     bool
	}{
		{"action by case", v, `"Effect":"Allow","Action":"S3:getOBJECT","Resource":"*"`, nil, true},
		{"action wildcard", v, `"Effect":"Allow","Action":"s3:?et*","Resource":"*"`, nil, true},
		{"action of another service", v, `"Effect":"Allow","Action":"s3x:*","Resource":"*"`, nil, false},
		{"NotAction", v, `"Effect":"Allow","NotAction":"iam:*","Resource":"*"`, nil, true},
		{"NotAction, itself", v, `"Effect":"Allow","NotAction":["iam:*","s3:GetObject"],"Resource":"*"`, nil, false},
		{"resource by case", v, `"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/Acme/*"`, nil, false},
		{"resource star spans slashes", v, `"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::*x"`, nil, true},
		{"NotResource", v, `"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::c/*"`, nil, true},
		{"NotResource, itself", v, `"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b/*"`, nil, false},
		{"NotResource, unset tag", v, `"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::${aws:PrincipalTag/T}"`, nil, false},
		{"variable", v, `"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/T}/*"`, tag, true},
		{"variable, 2008", `"Version":"2008-10-17",`,
			`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/T}/*"`, tag, false},
		{"variable, no version", ``, `"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/T}/*"`, tag, false},
		{"one statement of two keys", v, `"Effect":"Allow","Action":"*","Resource":"*",
		 "Condition":{"StringEquals":{"aws:PrincipalTag/T":"acme","k:A":"x"}}`, tag, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &policy.Request{
				Action: "s3:GetObject", Resource: bucketKey, ResourceAccount: account,
				Principal: roleSession(), Context: c.ctx.context(),
			}
			check(t, r, &policy.Policies{Identity: identity(t, `{`+c.version+`"Statement":{`+c.statement+`}}`)}, c.want)
		})
	}
}
