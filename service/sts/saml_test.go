package sts

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	iamapi "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/federation/saml/samltest"
)

const (
	samlARN       = "arn:aws:iam::" + account + ":saml-provider/Corp"
	samlPost      = "https://signin.aws.amazon.com/saml"
	samlIDP       = "https://idp.example.com/saml"
	samlQualifier = "/BWCFeaWE+hXWjPktXT8lFPCYqc="
)

// samlWorld is a world with a SAML provider of the account and a role that trusts it, under a condition.
func samlWorld(t *testing.T, condition string) (*world, *samltest.Provider, string) {
	t.Helper()
	w, _ := webWorld(t)
	idp := samltest.New(t, samlIDP)
	w.samlProvider(account, "Corp", idp)
	role := w.role(account, "Staff", trusts(`{"Federated":"`+samlARN+`"}`, `"sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"`, condition), "")
	return w, idp, role
}

func (w *world) samlProvider(account, name string, idp *samltest.Provider) {
	w.t.Helper()
	_, err := w.iam.CreateSAMLProvider(w.t.Context(), w.admin(account), &iamapi.CreateSAMLProviderInput{
		Name: &name, SAMLMetadataDocument: aws.String(idp.Metadata()),
	})
	w.ok(err)
}

// staff is a response for a role.
func staff(idp *samltest.Provider, role string, edit func(*samltest.Response)) string {
	r := idp.For("jane", samlPost, samlPost, time.Now(), map[string][]string{
		samlRole: {role + "," + samlARN}, samlSessionName: {"jane@example.com"},
	})
	if edit != nil {
		edit(r)
	}
	return idp.Encoded(r)
}

func (w *world) samlIn(role, response string, edit func(*awssts.AssumeRoleWithSAMLInput)) (*awssts.AssumeRoleWithSAMLOutput, error) {
	in := &awssts.AssumeRoleWithSAMLInput{RoleArn: &role, PrincipalArn: aws.String(samlARN), SAMLAssertion: &response}
	if edit != nil {
		edit(in)
	}
	return w.client("", "", "").AssumeRoleWithSAML(w.t.Context(), in)
}

func TestSAML(t *testing.T) {
	t.Parallel()
	w, idp, role := samlWorld(t, `"StringEquals":{"saml:aud":"`+samlPost+`","saml:iss":"`+samlIDP+`","saml:sub":"jane","saml:sub_type":"persistent",`+
		`"saml:doc":"`+account+`/Corp","saml:cn":"Jane","sts:RoleSessionName":"jane@example.com","aws:RequestTag/TenantID":"acme","sts:SourceIdentity":"jane"},`+
		`"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["TenantID"]}`)
	response := staff(idp, role, func(r *samltest.Response) {
		r.SessionEnds = time.Now().Add(20 * time.Minute)
		r.Attributes[samlTag+"TenantID"] = []string{"acme"}
		r.Attributes[samlTransitive] = []string{"TenantID"}
		r.Attributes[samlSourceIdentity] = []string{"jane"}
		r.Attributes["urn:oid:2.5.4.3"] = []string{"Jane"}
		// the order of the pair does not matter
		r.Attributes[samlRole] = []string{"arn:aws:iam::" + account + ":role/Other," + samlARN, samlARN + ", " + role}
	})
	for range 2 { // a response may come again while it is valid
		out, err := w.samlIn(role, response, nil)
		if err != nil {
			t.Fatal(err)
		}
		if *out.Subject != "jane" || *out.SubjectType != "persistent" || *out.Issuer != samlIDP || *out.Audience != samlPost ||
			*out.SourceIdentity != "jane" || !strings.HasSuffix(*out.AssumedRoleUser.Arn, "assumed-role/Staff/jane@example.com") {
			t.Errorf("%+v", out)
		}
		// printf https://idp.example.com/saml%s/Corp $account | openssl sha1 -binary | base64
		if *out.NameQualifier != samlQualifier {
			t.Error(*out.NameQualifier)
		}
		if left := time.Until(*out.Credentials.Expiration); left > 20*time.Minute || left < 15*time.Minute {
			t.Errorf("the session outlives the provider's: %s", left)
		}
		p := w.principal(out.Credentials)
		if v, _ := p.Tags.Get("TenantID"); v != "acme" || !p.Tags[0].Transitive || p.SourceIdentity != "jane" || p.FederatedProvider != samlARN ||
			p.FederatedContext["saml:sub"][0] != "jane" || len(p.FederatedContext) != 3 || p.Tenant.IsZero() {
			t.Errorf("%+v", p)
		}
	}
}

// Each is what somebody could send to become who they are not.
func TestSAMLRefused(t *testing.T) {
	t.Parallel()
	w, idp, role := samlWorld(t, `"StringEquals":{"saml:aud":"`+samlPost+`"}`)
	foreign, stranger := samltest.New(t, "https://other.example.com"), samltest.New(t, samlIDP)
	admin := w.role(account, "Admin", trusts(`{"Federated":"`+samlARN+`"}`, `"sts:AssumeRoleWithSAML"`, `"StringEquals":{"saml:sub":"root"}`), "")
	untagged := w.role(account, "Untagged", trusts(`{"Federated":"`+samlARN+`"}`, `"sts:AssumeRoleWithSAML"`, ""), "")
	const other = "999988887777"
	w.samlProvider(other, "Corp", idp)
	with := func(name string, values ...string) func(*samltest.Response) {
		return func(r *samltest.Response) { r.Attributes[name] = values }
	}
	pair := func(role string) func(*samltest.Response) { return with(samlRole, role+","+samlARN) }
	for name, c := range map[string]struct {
		role, response string
		edit           func(*awssts.AssumeRoleWithSAMLInput)
		code, text     string
	}{
		"no base64":         {role, "%%%%", nil, "InvalidIdentityToken", "Invalid base64"},
		"no XML":            {role, base64.StdEncoding.EncodeToString([]byte("x")), nil, "InvalidIdentityToken", "Invalid SAML response"},
		"unsigned":          {role, staff(idp, role, func(r *samltest.Response) { r.SignAssertion = false }), nil, "InvalidIdentityToken", "Response signature invalid"},
		"another key":       {role, staff(stranger, role, nil), nil, "InvalidIdentityToken", "Response signature invalid"},
		"another issuer":    {role, staff(foreign, role, nil), nil, "InvalidIdentityToken", ""},
		"another audience":  {role, staff(idp, role, func(r *samltest.Response) { r.Audience = "urn:other" }), nil, "InvalidIdentityToken", "required audience"},
		"another recipient": {role, staff(idp, role, func(r *samltest.Response) { r.Recipient = "https://evil.example.com/saml" }), nil, "InvalidIdentityToken", ""},
		"expired": {role, staff(idp, role, func(r *samltest.Response) { r.Now = time.Now().Add(-6 * time.Minute) }), nil,
			"ExpiredTokenException", "within 5 minutes of issuance"},
		"early":                  {role, staff(idp, role, func(r *samltest.Response) { r.Now = time.Now().Add(5 * time.Minute) }), nil, "InvalidIdentityToken", ""},
		"role not given":         {admin, staff(idp, role, nil), nil, "AccessDenied", "Not authorized to perform"},
		"role not trusting":      {admin, staff(idp, admin, pair(admin)), nil, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
		"role that is not":       {role + "x", staff(idp, role, pair(role+"x")), nil, "AccessDenied", ""},
		"tags that are not":      {untagged, staff(idp, untagged, with(samlTag+"TenantID", "acme")), nil, "AccessDenied", ""},
		"pair with another":      {role, staff(idp, role, with(samlRole, role+",arn:aws:iam::"+account+":saml-provider/Other")), nil, "AccessDenied", ""},
		"no role":                {role, staff(idp, role, func(r *samltest.Response) { delete(r.Attributes, samlRole) }), nil, "AccessDenied", ""},
		"no name":                {role, staff(idp, role, func(r *samltest.Response) { delete(r.Attributes, samlSessionName) }), nil, "InvalidIdentityToken", "RoleSessionName is required"},
		"two names":              {role, staff(idp, role, with(samlSessionName, "ab", "cd")), nil, "InvalidIdentityToken", "RoleSessionName is required"},
		"bad name":               {role, staff(idp, role, with(samlSessionName, "a/b")), nil, "InvalidIdentityToken", "RoleSessionName in AuthnResponse must match"},
		"bad source":             {role, staff(idp, role, with(samlSourceIdentity, "aws:x")), nil, "InvalidIdentityToken", "Source Identity must match"},
		"tag of two values":      {role, staff(idp, role, with(samlTag+"TenantID", "acme", "globex")), nil, "InvalidIdentityToken", "single-valued"},
		"tag that is none":       {role, staff(idp, role, with(samlTag+"TenantID", "*")), nil, "InvalidIdentityToken", ""},
		"reserved tag":           {role, staff(idp, role, with(samlTag+"aws:x", "y")), nil, "InvalidIdentityToken", "reserved"},
		"transitive without tag": {role, staff(idp, role, with(samlTransitive, "TenantID")), nil, "InvalidIdentityToken", "not among"},
		"unknown provider":       {role, staff(idp, role, nil), func(in *awssts.AssumeRoleWithSAMLInput) { in.PrincipalArn = aws.String(samlARN + "x") }, "InvalidIdentityToken", "Specified provider doesn't exist"},
		"provider of another": {role, staff(idp, role, with(samlRole, role+",arn:aws:iam::"+other+":saml-provider/Corp")), func(in *awssts.AssumeRoleWithSAMLInput) {
			in.PrincipalArn = aws.String("arn:aws:iam::" + other + ":saml-provider/Corp")
		}, "InvalidIdentityToken", "Specified provider doesn't exist"},
		"longer than the role is": {role, staff(idp, role, nil), func(in *awssts.AssumeRoleWithSAMLInput) { in.DurationSeconds = aws.Int32(43200) }, "ValidationError", "MaxSessionDuration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := w.on(t).samlIn(c.role, c.response, c.edit)
			refused(t, err, c.code, c.text)
		})
	}
}

// A response that was changed, or built around a signed one, is nobody's.
func TestSAMLWrapped(t *testing.T) {
	t.Parallel()
	w, idp, role := samlWorld(t, "")
	r := idp.For("jane", samlPost, samlPost, time.Now(), map[string][]string{samlRole: {role + "," + samlARN}, samlSessionName: {"jane"}})
	good := idp.XML(r)
	begin, end := strings.Index(good, "<saml:Assertion"), strings.Index(good, "</saml:Assertion>")+len("</saml:Assertion>")
	signed := good[begin:end]
	evil := strings.NewReplacer(`ID="`+r.ID+`"`, `ID="evil"`, ">jane<", ">root<").Replace(signed)
	for name, s := range map[string]string{
		"changed": strings.Replace(good, ">jane<", ">root<", 1), "before": good[:begin] + evil + good[begin:],
		"after": good[:end] + evil + good[end:], "comment": strings.Replace(good, ">jane<", ">jane<!---->x<", 1),
		"around": good[:begin] + strings.Replace(evil, "</saml:Assertion>", signed+"</saml:Assertion>", 1) + good[end:],
	} {
		if _, err := w.samlIn(role, base64.StdEncoding.EncodeToString([]byte(s)), nil); err == nil {
			t.Error(name)
		}
	}
	if _, err := w.samlIn(role, base64.StdEncoding.EncodeToString([]byte(good)), nil); err != nil {
		t.Error(err)
	}
}
