package conformance

// What the rows of managed login are about.
const (
	withDomain = `cognito-idp.CreateUserPoolDomain {"UserPoolId":"$NEW","Domain":"n-$N"}`
	withPool   = `cognito-idp.CreateUserPool {"PoolName":"n-$N"}`
	noBranding = `"ManagedLoginBrandingId":"00000000-0000-4000-8000-000000000000"`
	noTerms    = `"TermsId":"00000000-0000-4000-8000-000000000000"`
	someTerms  = `"TermsName":"terms-of-use","TermsSource":"LINK","Enforcement":"NONE","Links":{"cognito:default":"https://example.com/terms"}`
)

// loginRows are the operations of managed login. Branding and terms have ids that only their makers know, so the rows about
// one show what becomes of an id that is none.
var loginRows = []row{
	{op: "bulkhead.RotateUserPoolKeys", in: `{"UserPoolId":"$NEW"}`, before: []string{withPool}},
	{op: "cognito-idp.CreateManagedLoginBranding", in: `{"UserPoolId":"$POOL","ClientId":"$APP","UseCognitoProvidedValues":true}`},
	{op: "cognito-idp.CreateTerms", in: `{"UserPoolId":"$POOL","ClientId":"$APP",` + someTerms + `}`},
	{op: "cognito-idp.CreateUserPoolDomain", in: `{"UserPoolId":"$NEW","Domain":"n-$N"}`, before: []string{withPool}},
	{op: "cognito-idp.DeleteManagedLoginBranding", in: `{"UserPoolId":"$POOL",` + noBranding + `}`},
	{op: "cognito-idp.DeleteTerms", in: `{"UserPoolId":"$POOL",` + noTerms + `}`},
	{op: "cognito-idp.DeleteUserPoolDomain", in: `{"UserPoolId":"$NEW","Domain":"n-$N"}`, before: []string{withPool, withDomain}},
	{op: "cognito-idp.DescribeManagedLoginBranding", in: `{"UserPoolId":"$POOL",` + noBranding + `}`},
	{op: "cognito-idp.DescribeManagedLoginBrandingByClient", in: `{"UserPoolId":"$POOL","ClientId":"$APP"}`},
	{op: "cognito-idp.DescribeTerms", in: `{"UserPoolId":"$POOL",` + noTerms + `}`},
	{op: "cognito-idp.DescribeUserPoolDomain", in: `{"Domain":"n-$N"}`, before: []string{withPool, withDomain}},
	{op: "cognito-idp.GetUICustomization", in: `{"UserPoolId":"$NEW"}`, before: []string{withPool, withDomain}},
	{op: "cognito-idp.ListTerms", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.SetUICustomization", in: `{"UserPoolId":"$NEW"}`, before: []string{withPool, withDomain}},
	{op: "cognito-idp.UpdateManagedLoginBranding", in: `{"UserPoolId":"$POOL",` + noBranding + `}`},
	{op: "cognito-idp.UpdateTerms", in: `{"UserPoolId":"$POOL",` + noTerms + `,` + someTerms + `}`},
	{op: "cognito-idp.UpdateUserPoolDomain", in: `{"UserPoolId":"$NEW","Domain":"n-$N","ManagedLoginVersion":2}`, before: []string{withPool, withDomain}},
}
