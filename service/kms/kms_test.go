package kms

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authz"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	w.createAlias("alias/app", *k.KeyId)
	context := map[string]string{"tenant_id": "acme", "b": "2", "a": "1", "": ""}
	for _, named := range []string{*k.KeyId, *k.Arn, "alias/app", aliasARN(accountA, region, "alias/app")} {
		blob, err := w.encrypt(w.root(), named, "hello", context)
		if err != nil {
			t.Fatalf("%s: %v", named, err)
		}
		for _, by := range []string{"", *k.KeyId, *k.Arn, "alias/app", aliasARN(accountA, region, "alias/app")} {
			got, err := w.decrypt(w.root(), by, blob, map[string]string{"": "", "a": "1", "b": "2", "tenant_id": "acme"})
			if err != nil || got != "hello" {
				t.Errorf("by %q: %q %v", by, got, err)
			}
		}
	}
	large, err := w.encrypt(w.root(), *k.KeyId, strings.Repeat("x", 4096), nil)
	if err != nil || len(large) > 6144 {
		t.Errorf("4096 bytes become %d: %v", len(large), err)
	}
}

func TestContextIsBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	blob, err := w.encrypt(w.root(), *k.KeyId, "x", map[string]string{"a": "bc", "d": "e"})
	if err != nil {
		t.Fatal(err)
	}
	for name, context := range map[string]map[string]string{
		"none": nil, "fewer": {"a": "bc"}, "more": {"a": "bc", "d": "e", "f": ""}, "moved": {"ab": "c", "d": "e"},
		"joined": {"a": "bcde"}, "case": {"A": "bc", "d": "e"}, "value case": {"a": "BC", "d": "e"}, "swapped": {"a": "e", "d": "bc"},
	} {
		_, err := w.decrypt(w.root(), "", blob, context)
		wants(t, name, err, "InvalidCiphertextException ")
	}
	big := map[string]string{"k": strings.Repeat("v", maxContextBytes)}
	_, err = w.encrypt(w.root(), *k.KeyId, "x", big)
	wants(t, "too large", err, "Validation EncryptionContext exceeds")
}

func TestTamperedCiphertext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	blob, err := w.encrypt(w.root(), *k.KeyId, "secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range blob {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(blob)
			bad[i] ^= bit
			if got, err := w.decrypt(w.root(), *k.KeyId, bad, nil); err == nil {
				t.Errorf("byte %d changed: %q", i, got)
			}
			if got, err := w.decrypt(w.root(), "", bad, nil); err == nil {
				t.Errorf("byte %d changed, no key named: %q", i, got)
			}
		}
		if _, err := w.decrypt(w.root(), *k.KeyId, blob[:i], nil); err == nil {
			t.Errorf("cut at %d", i)
		}
	}
	_, err = w.decrypt(w.root(), *k.KeyId, append(bytes.Clone(blob), 0), nil)
	wants(t, "longer", err, "InvalidCiphertextException ")
	_, err = w.decrypt(w.root(), "", []byte("garbage"), nil)
	wants(t, "garbage", err, "InvalidCiphertextException ")
	_, err = w.decrypt(w.root(), "", nil, nil)
	wants(t, "absent", err, "Validation 1 validation error detected: Value null at 'ciphertextBlob'")
	other := w.createKey("")
	_, err = w.decrypt(w.root(), *other.KeyId, blob, nil)
	wants(t, "another key", err, "IncorrectKeyException The key ID in the request does not identify a CMK")
	w.region = "eu-west-1"
	_, err = w.decrypt(w.root(), "", blob, nil)
	wants(t, "another region", err, "denied")
}

func TestNamesOfNoKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "11111111-2222-4333-8444-555555555555"
	here := "arn:aws:kms:" + region + ":" + accountA + ":"
	for named, want := range map[string]string{
		id:                  "NotFoundException Key '" + here + "key/" + id + "' does not exist",
		here + "key/" + id:  "NotFoundException Key '" + here + "key/" + id + "' does not exist",
		"alias/none":        "NotFoundException Alias " + here + "alias/none is not found.",
		here + "alias/none": "NotFoundException Alias " + here + "alias/none is not found.",
		"none":              "NotFoundException Invalid keyId none",
		strings.ToUpper("abcdef01-2222-4333-8444-555555555555"):      "NotFoundException Invalid keyId ABCDEF01",
		"arn:aws:kms:us-east-1:" + accountA + ":key/" + id:           "NotFoundException Invalid arn us-east-1",
		"arn:aws:s3:::bucket":                                        "InvalidArnException Invalid arn arn:aws:s3:::bucket",
		"arn:aws:kms:" + region + ":" + accountB + ":key/" + id:      "denied",
		"arn:aws:kms:" + region + ":" + accountB + ":alias/whatever": "denied",
	} {
		_, err := use(w, w.root(), (*requirements).DescribeKey, (*Service).DescribeKey, &api.DescribeKeyInput{KeyId: &named})
		wants(t, named, err, want)
		// who may do nothing learns nothing
		_, err = use(w, w.user(accountA, "nobody"), (*requirements).DescribeKey, (*Service).DescribeKey, &api.DescribeKeyInput{KeyId: &named})
		wants(t, named+" by nobody", err, "denied")
	}
	w.createAlias("alias/x", *w.createKey("").KeyId)
	alias := "alias/x"
	_, err := do(w, w.root(), (*requirements).DisableKey, (*Service).DisableKey, &api.DisableKeyInput{KeyId: &alias})
	wants(t, "an alias where none is taken", err, "NotFoundException Invalid keyId alias/x")
}

func TestCreateKeyRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	statement := func(principal, condition string) *string {
		return new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"kms:*","Resource":"*"` + condition + `}}`)
	}
	rootPrincipal := `{"AWS":"` + accountA + `"}`
	for name, tc := range map[string]struct {
		in   api.CreateKeyInput
		want string
	}{
		"rsa":      {api.CreateKeyInput{KeySpec: api.KeySpecRsa2048, KeyUsage: api.KeyUsageTypeSignVerify}, "UnsupportedOperationException KeySpec RSA_2048"},
		"hmac":     {api.CreateKeyInput{CustomerMasterKeySpec: api.CustomerMasterKeySpecHmac256}, "UnsupportedOperationException KeySpec HMAC_256"},
		"usage":    {api.CreateKeyInput{KeyUsage: api.KeyUsageTypeSignVerify}, "Validation KeyUsage SIGN_VERIFY is not compatible"},
		"external": {api.CreateKeyInput{Origin: api.OriginTypeExternal}, "UnsupportedOperationException Origin EXTERNAL"},
		"multi":    {api.CreateKeyInput{MultiRegion: new(true)}, "UnsupportedOperationException Multi-Region"},
		"both specs": {
			api.CreateKeyInput{KeySpec: api.KeySpecSymmetricDefault, CustomerMasterKeySpec: api.CustomerMasterKeySpecSymmetricDefault},
			"Validation You cannot specify KeySpec and CustomerMasterKeySpec",
		},
		"aws tag":       {api.CreateKeyInput{Tags: []api.Tag{{TagKey: new("aws:x"), TagValue: new("")}}}, "TagException"},
		"twice the tag": {api.CreateKeyInput{Tags: []api.Tag{{TagKey: new("x"), TagValue: new("1")}, {TagKey: new("x"), TagValue: new("2")}}}, "TagException Duplicate tag keys"},
		"no policy":     {api.CreateKeyInput{Policy: new("{}")}, "MalformedPolicyDocumentException"},
		"no principal":  {api.CreateKeyInput{Policy: new(allowAll)}, "MalformedPolicyDocumentException"},
		"unknown role": {
			api.CreateKeyInput{Policy: statement(`{"AWS":"arn:aws:iam::`+accountA+`:role/none"}`, "")},
			"MalformedPolicyDocumentException Policy contains a statement with one or more invalid principals.",
		},
		"lockout": {
			api.CreateKeyInput{Policy: statement(`{"AWS":"`+accountB+`"}`, "")},
			"MalformedPolicyDocumentException The new key policy will not allow you to update the key policy in the future.",
		},
		"lockout bypassed": {
			api.CreateKeyInput{Policy: statement(`{"AWS":"`+accountB+`"}`, ""), BypassPolicyLockoutSafetyCheck: new(true)}, "",
		},
		"ForAllValues": {
			api.CreateKeyInput{Policy: statement(rootPrincipal, `,"Condition":{"ForAllValues:StringEquals":{"KMS:EncryptionContext:tenant_id":"x"}}`)},
			"MalformedPolicyDocumentException OverlyPermissiveCondition",
		},
		"ForAnyValue of the keys": {
			api.CreateKeyInput{Policy: statement(rootPrincipal, `,"Condition":{"ForAllValues:StringLike":{"kms:EncryptionContextKeys":"*"}}`)}, "",
		},
		"too large": {
			api.CreateKeyInput{Policy: new(strings.Repeat(" ", maxPolicy) + defaultPolicy(accountA))}, "LimitExceededException",
		},
	} {
		_, err := do(w, w.root(), (*requirements).CreateKey, (*Service).CreateKey, &tc.in)
		wants(t, name, err, tc.want)
	}
}

func TestDataKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	context := map[string]string{"a": "b"}
	for name, tc := range map[string]struct {
		in   api.GenerateDataKeyInput
		size int
		want string
	}{
		"256":     {api.GenerateDataKeyInput{KeySpec: api.DataKeySpecAes256}, 32, ""},
		"128":     {api.GenerateDataKeyInput{KeySpec: api.DataKeySpecAes128}, 16, ""},
		"bytes":   {api.GenerateDataKeyInput{NumberOfBytes: new(int32(1024))}, 1024, ""},
		"neither": {api.GenerateDataKeyInput{}, 0, "Validation Please specify either number of bytes or key spec."},
		"both":    {api.GenerateDataKeyInput{KeySpec: api.DataKeySpecAes128, NumberOfBytes: new(int32(5))}, 0, "Validation Please specify"},
		"dry run": {api.GenerateDataKeyInput{KeySpec: api.DataKeySpecAes128, DryRun: new(true)}, 0, "DryRunOperationException"},
		"grant":   {api.GenerateDataKeyInput{KeySpec: api.DataKeySpecAes128, GrantTokens: []string{"x"}}, 0, "InvalidGrantTokenException"},
		"enclave": {api.GenerateDataKeyInput{KeySpec: api.DataKeySpecAes128, Recipient: &api.RecipientInfo{}}, 0, "UnsupportedOperationException"},
	} {
		in := tc.in
		in.KeyId, in.EncryptionContext = k.KeyId, context
		out, err := use(w, w.root(), (*requirements).GenerateDataKey, (*Service).GenerateDataKey, &in)
		wants(t, name, err, tc.want)
		if err != nil {
			continue
		}
		got, err := w.decrypt(w.root(), "", out.CiphertextBlob, context)
		if err != nil || got != string(out.Plaintext) || len(got) != tc.size {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	sealed, err := use(w, w.root(), (*requirements).GenerateDataKeyWithoutPlaintext, (*Service).GenerateDataKeyWithoutPlaintext,
		&api.GenerateDataKeyWithoutPlaintextInput{KeyId: k.KeyId, KeySpec: api.DataKeySpecAes256})
	must(t, sealed, err)
	if got, err := w.decrypt(w.root(), "", sealed.CiphertextBlob, nil); err != nil || len(got) != 32 || got == strings.Repeat("\x00", 32) {
		t.Errorf("without plaintext: %q %v", got, err)
	}
	random, err := use(w, w.root(), (*requirements).GenerateRandom, (*Service).GenerateRandom, &api.GenerateRandomInput{NumberOfBytes: new(int32(33))})
	if len(must(t, random, err).Plaintext) != 33 {
		t.Errorf("random: %d bytes", len(random.Plaintext))
	}
}

func TestReEncrypt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	from, to := w.createKey(""), w.createKey("")
	blob, err := w.encrypt(w.root(), *from.KeyId, "text", map[string]string{"a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	in := &api.ReEncryptInput{
		CiphertextBlob: blob, DestinationKeyId: to.KeyId, SourceEncryptionContext: map[string]string{"a": "1"},
		DestinationEncryptionContext: map[string]string{"b": "2"},
	}
	out, err := use(w, w.root(), (*requirements).ReEncrypt, (*Service).ReEncrypt, in)
	must(t, out, err)
	if *out.SourceKeyId != *from.Arn || *out.KeyId != *to.Arn {
		t.Errorf("from %s to %s", *out.SourceKeyId, *out.KeyId)
	}
	if got, err := w.decrypt(w.root(), *to.KeyId, out.CiphertextBlob, map[string]string{"b": "2"}); err != nil || got != "text" {
		t.Errorf("got %q %v", got, err)
	}
	allow := func(action, key, more string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:%s","Resource":"%s"%s}}`, action, key, more)
	}
	same := `,"Condition":{"Bool":{"kms:ReEncryptOnSameKey":"true"}}`
	for name, tc := range map[string]struct {
		policies []string
		want     string
	}{
		"both":         {[]string{allow("ReEncryptFrom", *from.Arn, ""), allow("ReEncryptTo", *to.Arn, "")}, ""},
		"only from":    {[]string{allow("ReEncrypt*", *from.Arn, "")}, "denied"},
		"only to":      {[]string{allow("ReEncrypt*", *to.Arn, "")}, "denied"},
		"not the same": {[]string{allow("ReEncrypt*", "*", same)}, "denied"},
	} {
		_, err := use(w, w.user(accountA, name, tc.policies...), (*requirements).ReEncrypt, (*Service).ReEncrypt, in)
		wants(t, name, err, tc.want)
	}
	in.DestinationKeyId = from.KeyId
	_, err = use(w, w.user(accountA, "same", allow("ReEncrypt*", "*", same)), (*requirements).ReEncrypt, (*Service).ReEncrypt, in)
	wants(t, "the same key", err, "")
}

func TestAliasesMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.createKey(""), w.createKey("")
	w.createAlias("alias/app", *one.KeyId)
	w.createAlias("alias/other", *one.KeyId)
	alias := "alias/app"
	blob, err := w.encrypt(w.root(), alias, "old", nil)
	if err != nil {
		t.Fatal(err)
	}
	stale, err := authorize(w, w.root(), authz.Write, (*requirements).DeleteAlias, &api.DeleteAliasInput{AliasName: &alias})
	must(t, stale, err)
	encrypting := &api.EncryptInput{KeyId: &alias, Plaintext: []byte("x")}
	early, err := authorize(w, w.root(), authz.Read, (*requirements).Encrypt, encrypting)
	must(t, early, err)

	_, err = do(w, w.root(), (*requirements).UpdateAlias, (*Service).UpdateAlias, &api.UpdateAliasInput{AliasName: &alias, TargetKeyId: two.KeyId})
	wants(t, "update", err, "")
	_, err = w.decrypt(w.root(), alias, blob, nil)
	wants(t, "old ciphertext by the moved alias", err, "IncorrectKeyException")
	if got, err := w.decrypt(w.root(), "", blob, nil); err != nil || got != "old" {
		t.Errorf("old ciphertext: %q %v", got, err)
	}
	_, err = w.svc.DeleteAlias(t.Context(), stale, &api.DeleteAliasInput{AliasName: &alias})
	wants(t, "deletion that was decided about the other key", err, "Unavailable")
	out, err := w.svc.Encrypt(t.Context(), early, encrypting)
	if must(t, out, err); *out.KeyId != *one.Arn {
		t.Errorf("encrypted under %s, which was not decided about", *out.KeyId)
	}

	for name, tc := range map[string]struct{ alias, key, want string }{
		"exists":   {alias, *one.KeyId, "AlreadyExistsException An alias with the name " + aliasARN(accountA, region, alias) + " already exists"},
		"prefix":   {"app", *one.KeyId, "Validation Alias must start with the prefix"},
		"reserved": {"alias/aws/s3", *one.KeyId, "InvalidAliasNameException"},
		"to alias": {"alias/new", alias, "Validation Aliases must refer to keys"},
		"no key":   {"alias/new", "11111111-2222-4333-8444-555555555555", "NotFoundException Key"},
	} {
		_, err := do(w, w.root(), (*requirements).CreateAlias, (*Service).CreateAlias, &api.CreateAliasInput{AliasName: &tc.alias, TargetKeyId: &tc.key})
		wants(t, name, err, tc.want)
	}
	names := func(key *string) (all []string) {
		out, err := use(w, w.root(), (*requirements).ListAliases, (*Service).ListAliases, &api.ListAliasesInput{KeyId: key})
		for _, a := range must(t, out, err).Aliases {
			all = append(all, *a.AliasName+" "+*a.TargetKeyId)
		}
		return all
	}
	if got, want := names(nil), []string{"alias/app " + *two.KeyId, "alias/other " + *one.KeyId}; !slices.Equal(got, want) {
		t.Errorf("aliases %q", got)
	}
	if got, want := names(one.Arn), []string{"alias/other " + *one.KeyId}; !slices.Equal(got, want) {
		t.Errorf("aliases of one %q", got)
	}
	_, err = do(w, w.root(), (*requirements).DeleteAlias, (*Service).DeleteAlias, &api.DeleteAliasInput{AliasName: &alias})
	wants(t, "delete", err, "")
	_, err = do(w, w.root(), (*requirements).DeleteAlias, (*Service).DeleteAlias, &api.DeleteAliasInput{AliasName: &alias})
	wants(t, "delete again", err, "NotFoundException Alias "+aliasARN(accountA, region, alias)+" is not found.")
	_, err = w.encrypt(w.root(), alias, "x", nil)
	wants(t, "deleted alias", err, "NotFoundException Alias")
}

func TestAliasesNeedBothPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	allow := func(resource string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:CreateAlias","Resource":"` + resource + `"}}`
	}
	onAlias, onKey := allow(aliasARN(accountA, region, "alias/t-*")), allow(*k.Arn)
	for name, tc := range map[string]struct {
		alias    string
		policies []string
		want     string
	}{
		"both":          {"alias/t-1", []string{onAlias, onKey}, ""},
		"only alias":    {"alias/t-2", []string{onAlias}, "denied"},
		"only key":      {"alias/t-3", []string{onKey}, "denied"},
		"another alias": {"alias/u-1", []string{onAlias, onKey}, "denied"},
	} {
		_, err := do(w, w.user(accountA, name, tc.policies...), (*requirements).CreateAlias, (*Service).CreateAlias,
			&api.CreateAliasInput{AliasName: &tc.alias, TargetKeyId: k.KeyId})
		wants(t, name, err, tc.want)
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		w.createKey("")
	}
	var got []string
	var marker *string
	for page := 1; ; page++ {
		out, err := use(w, w.root(), (*requirements).ListKeys, (*Service).ListKeys, &api.ListKeysInput{Limit: new(int32(2)), Marker: marker})
		must(t, out, err)
		for _, k := range out.Keys {
			got = append(got, *k.KeyId)
		}
		if marker = out.NextMarker; !*out.Truncated {
			if page != 3 || marker != nil {
				t.Errorf("%d pages, marker %v", page, marker)
			}
			break
		}
		_, err = use(w, w.root(), (*requirements).ListAliases, (*Service).ListAliases, &api.ListAliasesInput{Marker: marker})
		wants(t, "marker of another operation", err, "InvalidMarkerException")
	}
	if slices.Sort(got); len(slices.Compact(got)) != 5 {
		t.Errorf("keys %q", got)
	}
}
