package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/policy"
)

// TestExplain writes explanations that people can read to testdata/explain.txt.
func TestExplain(t *testing.T) {
	t.Parallel()
	keyPolicy := mustParse(t, `{"Version":"2012-10-17","Statement":[
	 {"Sid":"Enable IAM policies","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"kms:*","Resource":"*"},
	 {"Sid":"Only this service","Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*",
	  "Condition":{"StringNotEqualsIfExists":{"kms:ViaService":"dynamodb.us-east-1.amazonaws.com"}}}]}`, policy.Resource)
	set := policy.NewSet([]policy.Source{{Name: "role/inline/S21", Policy: mustParse(t, s21, policy.Identity)}})
	ps := &policy.Policies{Identity: set}
	own := keys{"aws:PrincipalTag/TenantID": {"acme"}, "dynamodb:LeadingKeys": {"acme"}}
	other := keys{"aws:PrincipalTag/TenantID": {"acme"}, "dynamodb:LeadingKeys": {"acme", "globex"}}
	var out strings.Builder
	for _, c := range []struct {
		name, action, resource string
		ctx                    keys
		ps                     *policy.Policies
	}{
		{"acme reads its own row", "dynamodb:GetItem", table, own, ps},
		{"acme reads a row of globex too", "dynamodb:GetItem", table, other, ps},
		{"a session without the tag", "dynamodb:GetItem", table, keys{"dynamodb:LeadingKeys": {"acme"}}, ps},
		{"the key policy denies", "kms:Decrypt", key,
			keys{
				"aws:PrincipalTag/TenantID": {"acme"}, "kms:EncryptionContext:tenant_id": {"acme"},
				"kms:ViaService": {"s3.us-east-1.amazonaws.com"},
			},
			&policy.Policies{
				Identity: set, Resource: &policy.Source{Name: "key policy", Policy: keyPolicy}, ResourceMode: policy.ResourceRequired,
			}},
	} {
		r := &policy.Request{
			Action: c.action, Resource: c.resource, ResourceAccount: account, Principal: roleSession(), Context: c.ctx.context(),
		}
		b, err := json.MarshalIndent(policy.Explain(r, c.ps), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("# " + c.name + "\n" + string(b) + "\n\n")
	}
	golden(t, "testdata/explain.txt", strings.TrimSpace(out.String())+"\n")
}
