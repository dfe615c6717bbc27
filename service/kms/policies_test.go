package kms

import (
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

const admin = `{"Sid":"Admin","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + accountA + `:root"},"Action":"kms:*","Resource":"*"}`

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// TestSystemS21 is the client-side encryption of a pooled table: one key, and the encryption context must be the
// session's tenant.
func TestSystemS21(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	role := document(`{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"` + *k.Arn + `",
		"Condition":{"StringEquals":{"kms:EncryptionContext:tenant_id":"${aws:PrincipalTag/TenantID}"}}}`)
	acme := w.role(accountA, "acme", authn.Tags{{Key: "TenantID", Value: "acme"}}, role)
	globex := w.role(accountA, "globex", authn.Tags{{Key: "TenantID", Value: "globex"}}, role)
	star := w.role(accountA, "star", authn.Tags{{Key: "TenantID", Value: "*"}}, role)
	untagged := w.role(accountA, "untagged", nil, role)
	blob, err := w.encrypt(w.root(), *k.KeyId, "row", map[string]string{"tenant_id": "acme", "table": "t"})
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]string{"tenant_id": "acme", "table": "t"}
	for name, tc := range map[string]struct {
		caller  *authn.Principal
		context map[string]string
		decrypt string
		makeKey string
	}{
		"own":                {acme, own, "", ""},
		"case of the key":    {acme, map[string]string{"TENANT_ID": "acme", "table": "t"}, "InvalidCiphertextException", ""},
		"case of the value":  {acme, map[string]string{"tenant_id": "ACME"}, "denied", "denied"},
		"no context":         {acme, nil, "denied", "denied"},
		"context without it": {acme, map[string]string{"table": "t"}, "denied", "denied"},
		"other's":            {globex, own, "denied", "denied"},
		"other's ciphertext with its own context": {globex, map[string]string{"tenant_id": "globex", "table": "t"}, "InvalidCiphertextException", ""},
		"both, by case":     {globex, map[string]string{"tenant_id": "acme", "Tenant_id": "globex", "table": "t"}, "denied", "denied"},
		"both, other order": {globex, map[string]string{"tenant_id": "globex", "TENANT_ID": "acme"}, "denied", "denied"},
		"a tag with a star": {star, own, "denied", "denied"},
		"no tag":            {untagged, own, "denied", "denied"},
		"no tag, empty":     {untagged, map[string]string{"tenant_id": ""}, "denied", "denied"},
	} {
		for _, by := range []string{"", *k.KeyId} {
			_, err := w.decrypt(tc.caller, by, blob, tc.context)
			wants(t, name+": Decrypt by "+by, err, tc.decrypt)
		}
		_, err := use(w, tc.caller, (*requirements).GenerateDataKey, (*Service).GenerateDataKey,
			&api.GenerateDataKeyInput{KeyId: k.Arn, KeySpec: api.DataKeySpecAes256, EncryptionContext: tc.context})
		wants(t, name+": GenerateDataKey", err, tc.makeKey)
		_, err = w.encrypt(tc.caller, *k.KeyId, "x", tc.context)
		wants(t, name+": Encrypt", err, "denied")
	}
}

// TestSystemS6 is a key for each customer behind an alias, used from another service through its role, whose session
// policy names one customer's alias.
func TestSystemS6(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const actions = `"Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],`
	like := func(alias string) string { return `"Condition":{"StringLike":{"kms:RequestAlias":"` + alias + `"}}` }
	a := w.role(accountA, "ServiceARole", nil, document(`{"Effect":"Allow",`+actions+`"Resource":"*",`+like("alias/customer-*")+`}`))
	stranger := w.role(accountA, "Stranger", nil, allowAllOn(actions))
	key := func(customer string) *api.KeyMetadata {
		k := w.createKey(document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+accountA+`:role/ServiceARole"},`+actions+
			`"Resource":"*",`+like("alias/customer-"+customer)+`}`,
			`{"Effect":"Allow","Principal":{"AWS":"`+accountA+`"},"NotAction":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*"}`))
		w.createAlias("alias/customer-"+customer, *k.KeyId)
		return k
	}
	one, two := key("123"), key("456")
	limited := *a
	limited.ARN, limited.HasSessionPolicy = "arn:aws:sts::"+accountA+":assumed-role/ServiceARole/tenant", true
	w.identity[limited.ARN] = w.identity[a.ARN]
	w.session[limited.ARN] = []string{document(`{"Effect":"Allow",` + actions + `"Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/customer-123"}}}`)}

	w.createAlias("alias/internal", *one.KeyId)
	for name, tc := range map[string]struct {
		caller *authn.Principal
		named  string
		want   string
	}{
		"own alias":                        {&limited, "alias/customer-123", ""},
		"own alias's ARN":                  {&limited, aliasARN(accountA, region, "alias/customer-123"), ""},
		"own key id":                       {&limited, *one.KeyId, "denied"},
		"own key ARN":                      {&limited, *one.Arn, "denied"},
		"other's alias":                    {&limited, "alias/customer-456", "denied"},
		"other's alias, no session policy": {a, "alias/customer-456", ""},
		"other's key id":                   {&limited, *two.KeyId, "denied"},
		"own key by another alias":         {a, "alias/internal", "denied"},
		"no such alias":                    {&limited, "alias/customer-1234", "denied"},
		"no such alias, no session policy": {a, "alias/customer-1234", "NotFoundException"},
		"a role the key does not know":     {stranger, "alias/customer-123", "denied"},
	} {
		blob, err := w.encrypt(tc.caller, tc.named, "x", nil)
		wants(t, name+": Encrypt", err, tc.want)
		_, err = use(w, tc.caller, (*requirements).GenerateDataKeyWithoutPlaintext, (*Service).GenerateDataKeyWithoutPlaintext,
			&api.GenerateDataKeyWithoutPlaintextInput{KeyId: &tc.named, KeySpec: api.DataKeySpecAes128})
		wants(t, name+": GenerateDataKeyWithoutPlaintext", err, tc.want)
		if blob == nil {
			continue
		}
		_, err = w.decrypt(tc.caller, tc.named, blob, nil)
		wants(t, name+": Decrypt", err, "")
		_, err = w.decrypt(tc.caller, "", blob, nil)
		wants(t, name+": Decrypt without the alias", err, "denied")
	}
	// an alias that is moved to another's key does not take the key policy along
	_, err := do(w, w.root(), (*requirements).UpdateAlias, (*Service).UpdateAlias,
		&api.UpdateAliasInput{AliasName: new("alias/customer-123"), TargetKeyId: two.KeyId})
	wants(t, "move", err, "")
	_, err = w.encrypt(&limited, "alias/customer-123", "x", nil)
	wants(t, "moved alias", err, "denied")
}

func allowAllOn(actions string) string {
	return document(`{"Effect":"Allow",` + actions + `"Resource":"*"}`)
}

func TestConditionKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("", api.Tag{TagKey: new("team"), TagValue: new("red")})
	w.createAlias("alias/one", *k.KeyId)
	w.createAlias("alias/two", *k.KeyId)
	for name, tc := range map[string]struct {
		condition, named string
		via              []string
		want             string
	}{
		"ResourceAliases by id":       {`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/two"}`, *k.KeyId, nil, ""},
		"ResourceAliases by alias":    {`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/two"}`, "alias/one", nil, ""},
		"ResourceAliases, another":    {`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/three"}`, *k.KeyId, nil, "denied"},
		"RequestAlias absent":         {`"Null":{"kms:RequestAlias":"true"}`, *k.Arn, nil, ""},
		"RequestAlias of the other":   {`"StringEquals":{"kms:RequestAlias":"alias/two"}`, "alias/one", nil, "denied"},
		"spec, usage, origin":         {`"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyUsage":"ENCRYPT_DECRYPT","kms:KeyOrigin":"AWS_KMS"}`, *k.KeyId, nil, ""},
		"MultiRegion":                 {`"Bool":{"kms:MultiRegion":"true"}`, *k.KeyId, nil, "denied"},
		"EncryptionAlgorithm":         {`"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, *k.KeyId, nil, ""},
		"CallerAccount":               {`"StringEquals":{"kms:CallerAccount":"` + accountA + `"}`, *k.KeyId, nil, ""},
		"tag":                         {`"StringEquals":{"aws:ResourceTag/team":"red"}`, *k.KeyId, nil, ""},
		"ViaService, direct":          {`"StringEquals":{"kms:ViaService":"dynamodb.eu-central-1.amazonaws.com"}`, *k.KeyId, nil, "denied"},
		"ViaService":                  {`"StringEquals":{"kms:ViaService":"dynamodb.eu-central-1.amazonaws.com"}`, *k.KeyId, []string{"bulkhead.amazonaws.com", "dynamodb.amazonaws.com"}, ""},
		"ViaService, another service": {`"StringEquals":{"kms:ViaService":"dynamodb.eu-central-1.amazonaws.com"}`, *k.KeyId, []string{"s3.amazonaws.com"}, "denied"},
		"context keys":                {`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a","b"]},"Null":{"kms:EncryptionContextKeys":"false"}`, *k.KeyId, nil, ""},
		"context keys, fewer":         {`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a"]}`, *k.KeyId, nil, "denied"},
	} {
		w.via = tc.via
		u := w.user(accountA, "u", document(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{`+tc.condition+`}}`))
		_, err := w.encrypt(u, tc.named, "x", map[string]string{"a": "1", "b": "2"})
		wants(t, name, err, tc.want)
	}
	w.via = nil
	number := w.user(accountA, "n", document(`{"Effect":"Allow","Action":"kms:ScheduleKeyDeletion","Resource":"*",
		"Condition":{"NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"20"}}}`))
	for days, want := range map[int32]string{7: "denied", 20: ""} {
		_, err := authorize(w, number, authz.Write, (*requirements).ScheduleKeyDeletion,
			&api.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: &days})
		wants(t, "window", err, want)
	}
	creator := w.user(accountA, "c", document(`{"Effect":"Allow","Action":["kms:CreateKey","kms:TagResource"],"Resource":"*",
		"Condition":{"StringEquals":{"aws:RequestTag/team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":"team"},
		"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"false"}}}`))
	for team, want := range map[string]string{"red": "", "blue": "denied"} {
		_, err := authorize(w, creator, authz.Write, (*requirements).CreateKey,
			&api.CreateKeyInput{Tags: []api.Tag{{TagKey: new("team"), TagValue: &team}}})
		wants(t, "create for "+team, err, want)
	}
	_, err := authorize(w, w.user(accountA, "d", document(`{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}`)), authz.Write,
		(*requirements).CreateKey, &api.CreateKeyInput{Tags: []api.Tag{{TagKey: new("team"), TagValue: new("red")}}})
	wants(t, "tags without TagResource", err, "denied")
}

func TestAcrossAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	guest, other := w.role(accountB, "Guest", nil, allowAll), w.role(accountB, "Other", nil)
	open := w.createKey(document(admin, `{"Effect":"Allow","Principal":{"AWS":"`+accountB+`"},"Action":"kms:*","Resource":"*"}`))
	closed := w.createKey("")
	w.createAlias("alias/open", *open.KeyId)
	w.createAlias("alias/closed", *closed.KeyId)
	blob, err := w.encrypt(w.root(), *closed.KeyId, "secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		caller *authn.Principal
		named  string
		want   string
	}{
		"allowed by both":           {guest, *open.Arn, ""},
		"by the alias's ARN":        {guest, aliasARN(accountA, region, "alias/open"), ""},
		"not by its own policies":   {other, *open.Arn, "denied"},
		"not by the key policy":     {guest, *closed.Arn, "denied"},
		"by alias, not by policy":   {guest, aliasARN(accountA, region, "alias/closed"), "denied"},
		"no such alias":             {guest, aliasARN(accountA, region, "alias/none"), "denied"},
		"id is one's own account's": {guest, *open.KeyId, "NotFoundException Key '" + keyARN(accountB, region, *open.KeyId)},
		"so is an alias name":       {guest, "alias/open", "NotFoundException Alias " + aliasARN(accountB, region, "alias/open")},
	} {
		mine, err := w.encrypt(tc.caller, tc.named, "x", nil)
		wants(t, name, err, tc.want)
		if mine != nil {
			_, err = w.decrypt(tc.caller, "", mine, nil)
			wants(t, name+": Decrypt", err, "")
		}
		if d := w.last.Decided; tc.want == "denied" && tc.named != *open.Arn && !d.Check.Resource.Concealed {
			t.Errorf("%s: the denial shows %s", name, d.Check.Resource.ARN)
		}
	}
	_, err = w.decrypt(guest, "", blob, nil)
	wants(t, "a ciphertext of a key that may not be used", err, "denied")
	known := w.last.Decided
	for i := 12; i < 28; i++ { // within the key id
		blob[i] ^= 0xff
	}
	_, err = w.decrypt(guest, "", blob, nil)
	wants(t, "a ciphertext of no key", err, "denied")
	if unknown := w.last.Decided; known.Decision != unknown.Decision || !known.Check.Resource.Concealed || !unknown.Check.Resource.Concealed {
		t.Errorf("a denial tells whether there is a key: %+v, %+v", known.Decision, unknown.Decision)
	}
	_, err = do(w, guest, (*requirements).DisableKey, (*Service).DisableKey, &api.DisableKeyInput{KeyId: open.Arn})
	wants(t, "managing another account's key", err, "denied")
	_, err = use(w, guest, (*requirements).DescribeKey, (*Service).DescribeKey, &api.DescribeKeyInput{KeyId: open.Arn})
	wants(t, "describing another account's key", err, "")
}

func TestPutKeyPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	get := func() string {
		out, err := use(w, w.root(), (*requirements).GetKeyPolicy, (*Service).GetKeyPolicy, &api.GetKeyPolicyInput{KeyId: k.KeyId})
		return *must(t, out, err).Policy
	}
	put := func(p *authn.Principal, text string, bypass bool) error {
		_, err := do(w, p, (*requirements).PutKeyPolicy, (*Service).PutKeyPolicy,
			&api.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &text, BypassPolicyLockoutSafetyCheck: &bypass})
		return err
	}
	if got := get(); got != defaultPolicy(accountA) {
		t.Errorf("default policy %s", got)
	}
	role := w.role(accountA, "App", nil)
	roleOnly := `{"Effect":"Allow","Principal":{"AWS":"` + role.RoleARN + `"},"Action":"kms:*","Resource":"*"}`
	wants(t, "locks root out", put(w.root(), document(roleOnly), false), "MalformedPolicyDocumentException The new key policy will not allow")
	wants(t, "role beside root", put(w.root(), document(admin, roleOnly), false), "")
	if got := get(); got != document(admin, roleOnly) {
		t.Errorf("policy %s", got)
	}
	_, err := w.encrypt(role, *k.KeyId, "x", nil)
	wants(t, "by the key policy alone", err, "")
	// a role made anew under the name is another one
	err = system.Update(t.Context(), w.db, "iam", func(tx *store.Tx) error {
		v, err := identity.In(tx, accountA)
		if err != nil {
			return err
		}
		r, err := v.Role("App")
		if err != nil {
			return err
		}
		return v.DeleteRole(r)
	})
	if err != nil {
		t.Fatal(err)
	}
	again := w.role(accountA, "App", nil)
	_, err = w.encrypt(again, *k.KeyId, "x", nil)
	wants(t, "the role's namesake", err, "denied")
	if got := get(); !strings.Contains(got, `"AWS":"AROA`) {
		t.Errorf("the deleted role is shown as %s", got)
	}
	wants(t, "the role locks root out", put(w.root(), document(roleOnly), true), "")
	_, err = w.encrypt(w.root(), *k.KeyId, "x", nil)
	wants(t, "root without the key policy", err, "denied")
	wants(t, "root repairs", put(w.root(), document(admin), false), "denied")
	wants(t, "the role repairs", put(again, document(admin, roleOnly), false), "")
	_, err = use(w, w.root(), (*requirements).GetKeyPolicy, (*Service).GetKeyPolicy, &api.GetKeyPolicyInput{KeyId: k.KeyId, PolicyName: new("x")})
	wants(t, "another name", err, "NotFoundException No such policy exists")
	names, err := use(w, w.root(), (*requirements).ListKeyPolicies, (*Service).ListKeyPolicies, &api.ListKeyPoliciesInput{KeyId: k.KeyId})
	if got := must(t, names, err).PolicyNames; len(got) != 1 || got[0] != "default" {
		t.Errorf("names %q", got)
	}
}
