package dynamodb

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
)

// quoted is a policy written with single quotes.
func quoted(s string) string { return strings.ReplaceAll(s, "'", `"`) }

// verdict runs an operation and says only whether a policy refused it.
func verdict(t *testing.T, e *env, who caller, op, input string) string {
	t.Helper()
	out := e.result(who, op, input)
	if out == errDenied.Error() {
		return "denied"
	}
	if strings.HasPrefix(out, "{") {
		return "allowed"
	}
	return out
}

// The policies of the client-side encryption pattern (S21) and of browser reads (S3), as deployments write them.
func TestPoliciesAsWritten(t *testing.T) {
	t.Parallel()
	encrypted := quoted(`{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':['dynamodb:DescribeTable','dynamodb:GetItem','dynamodb:PutItem'],
	 'Resource':'` + poolARN + `','Condition':{'ForAllValues:StringEquals':{'dynamodb:LeadingKeys':['${aws:PrincipalTag/TenantID}']}}}]}`)
	browser := quoted(`{'Version':'2012-10-17','Statement':[
	 {'Effect':'Allow','Action':['dynamodb:GetItem','dynamodb:Query'],'Resource':'` + poolARN + `','Condition':{'ForAllValues:StringLike':{'dynamodb:LeadingKeys':['PUBLIC#*']}}},
	 {'Effect':'Allow','Action':['dynamodb:GetItem','dynamodb:Query'],'Resource':'` + poolARN + `','Condition':{'ForAllValues:StringLike':{'dynamodb:LeadingKeys':['${aws:PrincipalTag/org}#*']}}}]}`)
	e := newEnv(t)
	e.makePool("")
	acme := e.user(account, "acme", nil, encrypted)
	signedIn := e.user(account, "", authn.Tags{{Key: "org", Value: "o-1"}}, browser)
	anonymous := e.user(account, "", nil, browser)
	get := func(pk string) string { return `{'TableName':'pool','Key':{'pk':{'S':'` + pk + `'},'sk':{'S':'s'}}}` }
	put := func(pk string) string { return `{'TableName':'pool','Item':{'pk':{'S':'` + pk + `'},'sk':{'S':'s'}}}` }
	query := func(pk string) string {
		return `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'` + pk + `'}}}`
	}
	for _, c := range []struct {
		name      string
		who       caller
		op, input string
		want      string
	}{
		{"S21 describe", acme, "DescribeTable", `{'TableName':'pool'}`, "allowed"},
		{"S21 own get", acme, "GetItem", get("acme"), "allowed"},
		{"S21 own put", acme, "PutItem", put("acme"), "allowed"},
		{"S21 other get", acme, "GetItem", get("globex"), "denied"},
		{"S21 other put", acme, "PutItem", put("globex"), "denied"},
		{"S21 prefix-related tenant", acme, "GetItem", get("acme2"), "denied"},
		{"S21 tag with a wildcard", e.user(account, "", authn.Tags{{Key: "TenantID", Value: "*"}}, encrypted), "GetItem", get("acme"), "denied"},
		{"S21 no tag", e.user(account, "", nil, encrypted), "GetItem", get("acme"), "denied"},
		{"S21 query is not granted", acme, "Query", query("acme"), "denied"},
		{"S3 own", signedIn, "GetItem", get("o-1#x"), "allowed"},
		{"S3 own query", signedIn, "Query", query("o-1#x"), "allowed"},
		{"S3 public", signedIn, "Query", query("PUBLIC#x"), "allowed"},
		{"S3 other", signedIn, "GetItem", get("o-2#x"), "denied"},
		{"S3 prefix-related", signedIn, "GetItem", get("o-10#x"), "denied"},
		{"S3 write", signedIn, "PutItem", put("o-1#x"), "denied"},
		{"S3 anonymous public", anonymous, "GetItem", get("PUBLIC#x"), "allowed"},
		{"S3 anonymous other", anonymous, "GetItem", get("o-1#x"), "denied"},
		{"S3 no tag is not #", anonymous, "GetItem", get("#x"), "denied"},
		{"a key of another type names no row", acme, "GetItem", `{'TableName':'pool','Key':{'pk':{'N':'1'},'sk':{'S':'s'}}}`,
			"Validation: The provided key element does not match the schema"},
	} {
		if got := verdict(t, e, c.who, c.op, c.input); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestFineGrainedAccess(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'},'name':{'S':'n'},'salary':{'N':'1'},'kind':{'S':'k'}}}`)
	limited := e.user(account, "", nil, quoted(`{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':'dynamodb:*','Resource':['`+poolARN+`','`+poolARN+`/index/by-kind'],
	 'Condition':{'ForAllValues:StringEquals':{'dynamodb:Attributes':['pk','sk','name','kind']},
	  'StringEqualsIfExists':{'dynamodb:Select':'SPECIFIC_ATTRIBUTES','dynamodb:ReturnValues':['NONE','UPDATED_OLD','UPDATED_NEW']}}}]}`))
	key := `'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}}`
	q := `'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'a'}%s}`
	values := func(more string) string { return strings.Replace(q, "%s", more, 1) }
	item := `'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'},'name':{'S':'x'}%s}`
	with := func(more string) string { return strings.Replace(item, "%s", more, 1) }
	batched := func(more ...string) string { // puts of rows beside each other
		puts := make([]string, len(more))
		for i, m := range more {
			puts[i] = `{'PutRequest':{'Item':{'pk':{'S':'a'},'sk':{'S':'s` + strconv.Itoa(i) + `'}` + m + `}}}`
		}
		return `{'RequestItems':{'pool':[` + strings.Join(puts, ",") + `]}}`
	}
	for _, c := range []struct{ name, op, input, want string }{
		{"get named", "GetItem", `{` + key + `,'ProjectionExpression':'#n','ExpressionAttributeNames':{'#n':'name'}}`, "allowed"},
		{"get named, legacy", "GetItem", `{` + key + `,'AttributesToGet':['name']}`, "allowed"},
		{"get other", "GetItem", `{` + key + `,'ProjectionExpression':'salary'}`, "denied"},
		{"get nested of other", "GetItem", `{` + key + `,'ProjectionExpression':'salary.x'}`, "denied"},
		{"get all", "GetItem", `{` + key + `}`, "denied"},
		{"query named", "Query", `{` + values("") + `,'ProjectionExpression':'#n','ExpressionAttributeNames':{'#n':'name'}}`, "allowed"},
		{"query all", "Query", `{` + values("") + `}`, "denied"},
		{"query count", "Query", `{` + values("") + `,'Select':'COUNT'}`, "denied"},
		{"query filtered by other", "Query", `{` + values(`,':s':{'N':'1'}`) + `,'ProjectionExpression':'pk','FilterExpression':'salary = :s'}`, "denied"},
		{"query index, projected", "Query", `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'k'}}}`, "denied"},
		{"query index, named", "Query", `{'TableName':'pool','IndexName':'by-kind','ProjectionExpression':'pk','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'k'}}}`, "allowed"},
		{"scan named", "Scan", `{'TableName':'pool','ProjectionExpression':'pk'}`, "allowed"},
		{"scan other", "Scan", `{'TableName':'pool','ProjectionExpression':'pk, salary'}`, "denied"},
		{"scan all", "Scan", `{'TableName':'pool'}`, "denied"},
		{"batch named", "BatchGetItem", `{'RequestItems':{'pool':{'Keys':[{'pk':{'S':'a'},'sk':{'S':'s'}}],'ProjectionExpression':'pk'}}}`, "allowed"},
		{"batch other", "BatchGetItem", `{'RequestItems':{'pool':{'Keys':[{'pk':{'S':'a'},'sk':{'S':'s'}}],'ProjectionExpression':'salary'}}}`, "denied"},
		{"transact get other", "TransactGetItems", `{'TransactItems':[{'Get':{` + key + `,'ProjectionExpression':'salary'}}]}`, "denied"},
		{"put named", "PutItem", `{` + with("") + `}`, "allowed"},
		{"put other", "PutItem", `{` + with(`,'salary':{'N':'2'}`) + `}`, "denied"},
		{"put, return all", "PutItem", `{` + with("") + `,'ReturnValues':'ALL_OLD'}`, "denied"},
		{"put, return all on failure", "PutItem", `{` + with("") + `,'ConditionExpression':'attribute_not_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}`, "denied"},
		{"put on condition of other", "PutItem", `{` + with("") + `,'ConditionExpression':'attribute_not_exists(salary)'}`, "denied"},
		{"update named", "UpdateItem", `{` + key + `,'UpdateExpression':'SET #n = :v','ExpressionAttributeNames':{'#n':'name'},'ExpressionAttributeValues':{':v':{'S':'x'}},'ReturnValues':'UPDATED_NEW'}`, "allowed"},
		{"update from other", "UpdateItem", `{` + key + `,'UpdateExpression':'SET #n = salary','ExpressionAttributeNames':{'#n':'name'}}`, "denied"},
		{"update other, legacy", "UpdateItem", `{` + key + `,'AttributeUpdates':{'salary':{'Action':'DELETE'}}}`, "denied"},
		{"update expecting other, legacy", "UpdateItem", `{` + key + `,'AttributeUpdates':{'name':{'Action':'DELETE'}},'Expected':{'salary':{'Exists':false}}}`, "denied"},
		{"delete", "DeleteItem", `{` + key + `,'ConditionExpression':'attribute_exists(pk)'}`, "allowed"},
		{"delete, return all", "DeleteItem", `{` + key + `,'ReturnValues':'ALL_OLD'}`, "denied"},
		{"batch write other", "BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'a'},'sk':{'S':'s'},'salary':{'N':'1'}}}}]}}`, "denied"},
		{"batch write named", "BatchWriteItem", batched(``, `,'name':{'S':'n'},'kind':{'S':'k'}`, `,'kind':{'S':'k'}`), "allowed"},
		{"batch write other in the second", "BatchWriteItem", batched(``, `,'salary':{'N':'1'}`), "denied"},
		{"batch write other instead", "BatchWriteItem", batched(`,'name':{'S':'n'},'kind':{'S':'k'}`, `,'name':{'S':'n'},'salary':{'N':'1'}`), "denied"},
		{"batch write other after a deletion", "BatchWriteItem",
			strings.Replace(batched(`,'salary':{'N':'1'}`), "[", `[{'DeleteRequest':{'Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}},`, 1), "denied"},
		{"batch write other first", "BatchWriteItem", batched(`,'salary':{'N':'1'}`, ``, ``), "denied"},
		{"transact write other in the second", "TransactWriteItems", `{'TransactItems':[{'Put':{` + with("") + `}},{'Put':{` +
			strings.Replace(with(`,'salary':{'N':'2'}`), "'S':'s'", "'S':'t'", 1) + `}}]}`, "denied"},
		{"transact write other", "TransactWriteItems", `{'TransactItems':[{'Put':{` + with(`,'salary':{'N':'2'}`) + `}}]}`, "denied"},
		{"transact check of other", "TransactWriteItems", `{'TransactItems':[{'ConditionCheck':{` + key + `,'ConditionExpression':'attribute_exists(salary)'}}]}`, "denied"},
	} {
		if got := verdict(t, e, limited, c.op, c.input); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestConditionKeys(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(`,'Tags':[{'Key':'team','Value':'red'}]`)
	item := `{'pk':{'S':'a'},'sk':{'S':'s'}}`
	for _, c := range []struct{ name, action, condition, op, input, want string }{
		{"inside a transaction", "PutItem", `'StringEquals':{'dynamodb:EnclosingOperation':'TransactWriteItems'}`, "TransactWriteItems",
			`{'TransactItems':[{'Put':{'TableName':'pool','Item':` + item + `}}]}`, "allowed"},
		{"outside of one", "PutItem", `'StringEquals':{'dynamodb:EnclosingOperation':'TransactWriteItems'}`, "PutItem", `{'TableName':'pool','Item':` + item + `}`, "denied"},
		{"transactions need the action", "UpdateItem", ``, "TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':` + item + `}}]}`, "denied"},
		{"transactional reads are GetItem", "GetItem", `'StringEquals':{'dynamodb:EnclosingOperation':'TransactGetItems'}`, "TransactGetItems",
			`{'TransactItems':[{'Get':{'TableName':'pool','Key':` + item + `}}]}`, "allowed"},
		{"capacity", "GetItem", `'StringEquals':{'dynamodb:ReturnConsumedCapacity':'TOTAL'}`, "GetItem", `{'TableName':'pool','Key':` + item + `,'ReturnConsumedCapacity':'TOTAL'}`, "allowed"},
		{"no capacity", "GetItem", `'StringEquals':{'dynamodb:ReturnConsumedCapacity':'TOTAL'}`, "GetItem", `{'TableName':'pool','Key':` + item + `}`, "denied"},
		{"full scan", "Scan", `'Bool':{'dynamodb:FullTableScan':'false'}`, "Scan", `{'TableName':'pool'}`, "denied"},
		{"leading keys are present", "GetItem", `'Null':{'dynamodb:LeadingKeys':'false'}`, "GetItem", `{'TableName':'pool','Key':` + item + `}`, "allowed"},
		{"and absent", "Scan", `'Null':{'dynamodb:LeadingKeys':'false'}`, "Scan", `{'TableName':'pool'}`, "denied"},
		{"resource tag", "GetItem", `'StringEquals':{'aws:ResourceTag/team':'red'}`, "GetItem", `{'TableName':'pool','Key':` + item + `}`, "allowed"},
		{"other resource tag", "GetItem", `'StringEquals':{'aws:ResourceTag/team':'blue'}`, "GetItem", `{'TableName':'pool','Key':` + item + `}`, "denied"},
		{"request tag", "TagResource", `'StringEquals':{'aws:RequestTag/a':'b'}`, "TagResource", `{'ResourceArn':'` + poolARN + `','Tags':[{'Key':'a','Value':'b'}]}`, "allowed"},
		{"other tag keys", "TagResource", `'ForAllValues:StringEquals':{'aws:TagKeys':['x']}`, "TagResource", `{'ResourceArn':'` + poolARN + `','Tags':[{'Key':'a','Value':'b'}]}`, "denied"},
		{"untagging", "UntagResource", `'ForAllValues:StringEquals':{'aws:TagKeys':['team']}`, "UntagResource", `{'ResourceArn':'` + poolARN + `','TagKeys':['owner']}`, "denied"},
		{"creating with tags tags", "CreateTable", ``, "CreateTable", strings.Replace(pool, "%s", `,'Tags':[{'Key':'a','Value':'b'}]`, 1), "denied"},
		{"creating with a policy puts it", "CreateTable", ``, "CreateTable", strings.Replace(pool, "%s", `,'ResourcePolicy':'{}'`, 1), "denied"},
		{"unknown tables are decided first", "PutItem", ``, "GetItem", `{'TableName':'nope','Key':` + item + `}`, "denied"},
	} {
		condition := ""
		if c.condition != "" {
			condition = `,'Condition':{` + c.condition + `}`
		}
		who := e.user(account, "", nil, quoted(`{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':'dynamodb:`+c.action+`','Resource':'*'`+condition+`}]}`))
		if got := verdict(t, e, who, c.op, c.input); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestResourcePolicies(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	byARN := `{'TableName':'` + poolARN + `','Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}`
	guest := e.user(other, "", nil, quoted(wide))
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'},'v':{'S':'home'}}}`)
	if got := verdict(t, e, guest, "GetItem", byARN); got != "denied" {
		t.Errorf("another account without a resource policy: %s", got)
	}
	grant := `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::` + other +
		`:root\"},\"Action\":\"dynamodb:GetItem\",\"Resource\":\"` + poolARN + `\"}]}`
	put := e.must(root(), "PutResourcePolicy", `{'ResourceArn':'`+poolARN+`','Policy':'`+grant+`','ExpectedRevisionId':'NO_POLICY'}`)
	revision, _ := get(t, put, "RevisionId").(string)
	if out := e.result(guest, "GetItem", byARN); !strings.Contains(out, "home") {
		t.Errorf("another account with one: %s", out)
	}
	if got := verdict(t, e, guest, "PutItem", `{'TableName':'`+poolARN+`','Item':{'pk':{'S':'a'},'sk':{'S':'s'}}}`); got != "denied" {
		t.Errorf("more than the policy grants: %s", got)
	}
	if got := e.result(guest, "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}`); got != "ResourceNotFoundException: Requested resource not found" {
		t.Errorf("a name is one of the caller's account: %s", got)
	}
	if out := e.must(root(), "GetResourcePolicy", `{'ResourceArn':'`+poolARN+`'}`); get(t, out, "RevisionId") != revision || revision == "" {
		t.Errorf("revision %s: %s", revision, out)
	}
	const missing = "PolicyNotFoundException: Resource-based policy not found for the provided ResourceArn: "
	for _, c := range []struct{ revision, want string }{
		{"1", missing + "Requested update for policy with revision id 1, but the policy associated to target table pool has revision id " + revision + "."},
		{"NO_POLICY", missing + "Requested policy update expecting none to be present for table pool, but a policy exists with revision id " + revision + "."},
	} {
		if got := e.result(root(), "PutResourcePolicy", `{'ResourceArn':'`+poolARN+`','Policy':'`+grant+`','ExpectedRevisionId':'`+c.revision+`'}`); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	none := strings.Replace(poolARN, "table/pool", "table/none", 1)
	for _, op := range []string{"GetResourcePolicy", "DeleteResourcePolicy"} {
		if got := e.result(root(), op, `{'ResourceArn':'`+none+`'}`); got != "ResourceNotFoundException: Requested resource not found: Table: none not found" {
			t.Errorf("%s: %s", op, got)
		}
	}
	if got := e.result(root(), "DeleteResourcePolicy", `{'ResourceArn':'`+poolARN+`','ExpectedRevisionId':'1'}`); !strings.HasPrefix(got, "PolicyNotFoundException") {
		t.Error(got)
	}
	for _, bad := range []string{`{}`, `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"dynamodb:*\",\"Resource\":\"*\"}]}`} {
		if got := e.result(root(), "PutResourcePolicy", `{'ResourceArn':'`+poolARN+`','Policy':'`+bad+`'}`); !strings.HasPrefix(got, "Validation: Invalid policy document") {
			t.Errorf("%s: %s", bad, got)
		}
	}
	e.must(root(), "DeleteResourcePolicy", `{'ResourceArn':'`+poolARN+`'}`)
	e.must(root(), "DeleteResourcePolicy", `{'ResourceArn':'`+poolARN+`'}`)
	if got := verdict(t, e, guest, "GetItem", byARN); got != "denied" {
		t.Errorf("after the policy is gone: %s", got)
	}
	if got := e.result(root(), "GetResourcePolicy", `{'ResourceArn':'`+poolARN+`'}`); !strings.HasPrefix(got, "PolicyNotFoundException") {
		t.Error(got)
	}
	const deny = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"dynamodb:GetItem\",\"Resource\":\"*\"}]}`
	e.must(root(), "PutResourcePolicy", `{'ResourceArn':'`+poolARN+`','Policy':'`+deny+`'}`)
	if got := verdict(t, e, e.user(account, "", nil, quoted(wide)), "GetItem", byARN); got != "denied" {
		t.Errorf("a Deny in the resource policy: %s", got)
	}
}

// A grant is for the table that was decided on, not for one made anew under its name.
func TestGrantIsForOneTable(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for op, input := range map[string]string{
		"GetItem":            `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}`,
		"PutItem":            `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}}}`,
		"Scan":               `{'TableName':'pool'}`,
		"BatchGetItem":       `{'RequestItems':{'pool':{'Keys':[{'pk':{'S':'a'},'sk':{'S':'s'}}]}}}`,
		"TransactWriteItems": `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}}}}]}`,
	} {
		e.makePool("")
		e.between = func() {
			e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
			e.makePool("")
		}
		if got := e.result(root(), op, input); got != "ResourceNotFoundException: Requested resource not found" {
			t.Errorf("%s: %s", op, got)
		}
		e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
		e.between = func() { e.makePool("") }
		if got := e.result(root(), op, input); got != "ResourceNotFoundException: Requested resource not found" {
			t.Errorf("%s on a table made since: %s", op, got)
		}
		e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
	}
}

// The owner's tags apply from the moment they are set.
func TestOwnerTags(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	who := e.user(account, "acme", nil, quoted(wide))
	foreign := `{'TableName':'pool','Key':{'pk':{'S':'globex#1'},'sk':{'S':'s'}}}`
	tag := func(k, v string) string {
		return e.result(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'`+k+`','Value':'`+v+`'}]}`)
	}
	e.must(who, "GetItem", foreign)
	for _, bad := range [][2]string{
		{authz.OwnerKeyTag, "${tenant}*"}, {authz.OwnerKeyTag, "*"}, {authz.OwnerKeyTag, ""}, {authz.GuardTag, "deny"},
		{authz.SharedKeysTag, "PUBLIC#*"}, {"aws:x", "y"},
	} {
		if got := tag(bad[0], bad[1]); !strings.HasPrefix(got, "Validation: One or more parameter values were invalid: ") {
			t.Errorf("%s: %s", bad, got)
		}
	}
	if got := e.result(root(), "CreateTable", strings.Replace(strings.Replace(pool, "'pool'", "'bad'", 1), "%s", `,'Tags':[{'Key':'bulkhead:owner-key','Value':'x'}]`, 1)); !strings.HasPrefix(got, "Validation: ") {
		t.Error(got)
	}
	if got := tag(authz.OwnerKeyTag, "${tenant}#*"); got != "{}" {
		t.Fatal(got)
	}
	if got := e.result(who, "GetItem", foreign); got != errGuard.Error() {
		t.Errorf("guarded: %s", got)
	}
	tag(authz.GuardTag, "filter")
	if got := e.result(who, "GetItem", foreign); got != "{}" {
		t.Errorf("filtered: %s", got)
	}
	if got := e.result(root(), "UntagResource", `{'ResourceArn':'`+poolARN+`','TagKeys':['bulkhead:owner-key']}`); !strings.HasPrefix(got, "Validation: ") {
		t.Errorf("a guard without an owner: %s", got)
	}
	if got := e.must(root(), "ListTagsOfResource", `{'ResourceArn':'`+poolARN+`'}`); !strings.Contains(got, "filter") {
		t.Error(got)
	}
	e.must(root(), "UntagResource", `{'ResourceArn':'`+poolARN+`','TagKeys':['bulkhead:owner-key','bulkhead:guard']}`)
	e.must(who, "GetItem", foreign)
	if _, err := e.s.facts(context.Background(), place{account, region, "pool"}); err != nil {
		t.Error(err)
	}
}

// A policy that would lock its author out has to be confirmed.
func TestPolicyLockout(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	who := e.user(account, "", nil, quoted(wide))
	const deny = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"dynamodb:*\",\"Resource\":\"*\",` +
		`\"Condition\":{\"StringNotEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::111111111111:role/admin\"}}}]}`
	if got := e.result(who, "PutResourcePolicy", `{'ResourceArn':'`+poolARN+`','Policy':'`+deny+`'}`); !strings.HasPrefix(got, "Validation: The new policy would remove your permission") {
		t.Error(got)
	}
	e.must(who, "PutResourcePolicy", `{'ResourceArn':'`+poolARN+`','Policy':'`+deny+`','ConfirmRemoveSelfResourceAccess':true}`)
	if got := verdict(t, e, who, "DeleteResourcePolicy", `{'ResourceArn':'`+poolARN+`'}`); got != "denied" {
		t.Errorf("after it was confirmed: %s", got)
	}
}

// A query of an index is decided by the index's partition key: one that the index only got since does not run.
func TestQueryIsOfTheIndexThatWasDecidedOn(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'globex#1'},'sk':{'S':'s'},'kind':{'S':'acme#'},'place':{'S':'globex#'}}}`)
	index := func(hash, sort string) {
		e.must(root(), "UpdateTable", `{'TableName':'pool','AttributeDefinitions':[{'AttributeName':'place','AttributeType':'S'},{'AttributeName':'kind','AttributeType':'S'}],
		 'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'turning','KeySchema':[{'AttributeName':'`+hash+`','KeyType':'HASH'},{'AttributeName':'`+sort+`','KeyType':'RANGE'}],'Projection':{'ProjectionType':'ALL'}}}]}`)
		if err := e.s.Work(context.Background(), e.now); err != nil {
			t.Fatal(err)
		}
	}
	who := e.user(account, "acme", nil, quoted(hole))
	const query = `{'TableName':'pool','IndexName':'turning','KeyConditionExpression':'kind = :k AND place = :p','ExpressionAttributeValues':{':k':{'S':'acme#'},':p':{'S':'globex#'}}}`
	const missing = "Validation: The table does not have the specified index: turning"
	e.between = func() { index("place", "kind") }
	if got := e.result(who, "Query", query); got != missing {
		t.Errorf("an index made since: %s", got)
	}
	if got := verdict(t, e, who, "Query", query); got != "denied" {
		t.Errorf("the index as it is: %s", got)
	}
	remove := func() {
		e.must(root(), "UpdateTable", `{'TableName':'pool','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'turning'}}]}`)
	}
	remove()
	index("kind", "place")
	e.between = func() { remove(); index("place", "kind") }
	if got := e.result(who, "Query", query); got != missing {
		t.Errorf("an index turned round since: %s", got)
	}
}
