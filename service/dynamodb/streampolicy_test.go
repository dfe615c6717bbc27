package dynamodb

import (
	"strings"
	"testing"
)

const allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// streamPolicy lets the other account read the stream.
func streamPolicy(arn string) string {
	return `{\'Version\':\'2012-10-17\',\'Statement\':{\'Effect\':\'Allow\',\'Principal\':{\'AWS\':\'` + other + `\'},\'Action\':[\'dynamodb:DescribeStream\',\'dynamodb:GetShardIterator\',\'dynamodb:GetRecords\'],\'Resource\':\'` + arn + `\'}}`
}

// A stream's policy lets another account read it; the table's does not, and nobody reads more by it than the guard shows.
func TestPolicyOfAStream(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	e.put("a", "1")
	arn := e.latest(t)
	stranger := e.user(other, "", nil, allowAll)
	put := func(on, document, more string) string {
		return e.result(root(), "PutResourcePolicy", `{'ResourceArn':'`+on+`','Policy':'`+document+`'`+more+`}`)
	}
	describe := func() string { return e.result(stranger, "DescribeStream", `{'StreamArn':'`+arn+`'}`) }
	for _, on := range []string{"", poolARN} {
		if on != "" {
			document := strings.Replace(streamPolicy("*"), `'dynamodb:DescribeStream\'`, `'dynamodb:*\'`, 1)
			if got := put(on, document, ""); !strings.Contains(got, "RevisionId") {
				t.Fatal(got)
			}
		}
		if got := describe(); got != errDenied.Error() {
			t.Errorf("with a policy of %q: %s", on, got)
		}
	}
	const none = "PolicyNotFoundException: Resource-based policy not found for the provided ResourceArn: "
	if got := e.result(root(), "GetResourcePolicy", `{'ResourceArn':'`+arn+`'}`); got != none+arn {
		t.Error(got)
	}
	if got := put(arn, streamPolicy(arn), `,'ExpectedRevisionId':'other'`); !strings.HasPrefix(got, "PolicyNotFoundException: ") {
		t.Error(got)
	}
	revision, _ := get(t, put(arn, streamPolicy(arn), `,'ExpectedRevisionId':'NO_POLICY'`), "RevisionId").(string)
	if again := get(t, put(arn, streamPolicy(arn), ""), "RevisionId"); revision == "" || again != revision {
		t.Errorf("the same policy has the revisions %q and %v", revision, again)
	}
	if got := e.must(root(), "GetResourcePolicy", `{'ResourceArn':'`+arn+`'}`); get(t, got, "RevisionId") != revision {
		t.Error(got)
	}
	if got := e.records(t, stranger, arn, "TRIM_HORIZON"); len(got) != 1 {
		t.Errorf("the other account reads %v", got)
	}
	if got := e.result(stranger, "PutResourcePolicy", `{'ResourceArn':'`+arn+`','Policy':'`+streamPolicy(arn)+`'}`); got != errDenied.Error() {
		t.Errorf("the other account changes the policy: %s", got)
	}
	e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}#*'},{'Key':'bulkhead:shared-keys','Value':'PUBLIC#*'}]}`)
	e.put("acme#1", "1")
	e.put("PUBLIC#1", "1")
	acmeThere := e.user(other, "acme", nil, allowAll)
	if got := sorted(e.records(t, acmeThere, arn, "TRIM_HORIZON")); got != "INSERT PUBLIC#1 >1" {
		t.Errorf("who says of himself that he is a tenant reads %s", got)
	}
	acme := e.user(account, "acme", nil, allowAll)
	for _, op := range []string{"PutResourcePolicy", "DeleteResourcePolicy"} {
		in := `{'ResourceArn':'` + arn + `'}`
		if op == "PutResourcePolicy" {
			in = `{'ResourceArn':'` + arn + `','Policy':'` + streamPolicy(arn) + `'}`
		}
		if got := e.result(acme, op, in); got != errGuard.Error() {
			t.Errorf("%s by a tenant: %s", op, got)
		}
	}
	if got := e.result(root(), "DeleteResourcePolicy", `{'ResourceArn':'`+arn+`','ExpectedRevisionId':'other'}`); !strings.HasPrefix(got, "PolicyNotFoundException: ") {
		t.Error(got)
	}
	e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
	if got := e.records(t, stranger, arn, "TRIM_HORIZON"); len(got) != 1 {
		t.Errorf("after the table the other account reads %v", got)
	}
	if got := e.must(root(), "DeleteResourcePolicy", `{'ResourceArn':'`+arn+`','ExpectedRevisionId':'`+revision+`'}`); get(t, got, "RevisionId") != revision {
		t.Error(got)
	}
	if got := describe(); got != errDenied.Error() {
		t.Errorf("without the policy: %s", got)
	}
	if got := e.must(root(), "DeleteResourcePolicy", `{'ResourceArn':'`+arn+`'}`); got != "{}" {
		t.Error(got)
	}
}

func TestPolicyOfNoStream(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	none := poolARN + "/stream/2023-01-01T00:00:00.000"
	for on, want := range map[string]string{
		none: "ResourceNotFoundException: Requested resource not found: Stream: " + none + " not found",
		strings.Replace(none, region, "us-east-1", 1): "Validation: Invalid ResourceArn provided as input " + strings.Replace(none, region, "us-east-1", 1),
		poolARN + "/stream/":                          "Validation: Invalid ResourceArn provided as input " + poolARN + "/stream/",
	} {
		for _, op := range []string{"GetResourcePolicy", "DeleteResourcePolicy"} {
			if got := e.result(root(), op, `{'ResourceArn':'`+on+`'}`); got != want {
				t.Errorf("%s of %s: %s", op, on, got)
			}
		}
	}
	e.must(root(), "UpdateTable", `{'TableName':'pool','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'KEYS_ONLY'}}`)
	arn := e.latest(t)
	for document, want := range map[string]string{
		strings.Repeat(" ", maxPolicy+1):                       "Validation: Resource-based policy document exceeds the limit of 20480 bytes",
		`{\'Version\':\'2012-10-17\',\'Statement\':{}}`:        "Validation: Invalid policy document for resource " + arn,
		strings.ReplaceAll(streamPolicy("*"), "Allow", "Deny"): "allowed",
	} {
		got := e.result(root(), "PutResourcePolicy", `{'ResourceArn':'`+arn+`','Policy':'`+document+`'}`)
		if want == "allowed" != strings.Contains(got, "RevisionId") || want != "allowed" && !strings.HasPrefix(got, want) {
			t.Errorf("%.60s: %s", document, got)
		}
	}
}
