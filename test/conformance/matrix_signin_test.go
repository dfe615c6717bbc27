package conformance

// newPool makes a pool for one row.
const newPool = `cognito-idp.CreateUserPool {"PoolName":"n-$N"}`

// signInRows are the operations of second factors and of refresh tokens.
var signInRows = []row{
	{op: "cognito-idp.AdminSetUserMFAPreference", in: `{"UserPoolId":"$POOL","Username":"$PERSON","SMSMfaSettings":{"Enabled":false}}`},
	{op: "cognito-idp.AdminSetUserSettings", in: `{"UserPoolId":"$POOL","Username":"$PERSON","MFAOptions":[]}`},
	{op: "cognito-idp.AssociateSoftwareToken", in: `{"AccessToken":"$TOKEN"}`, shared: byToken},
	{op: "cognito-idp.GetTokensFromRefreshToken", in: `{"ClientId":"$APP","RefreshToken":"$REFRESH"}`, fresh: true, shared: byToken},
	{op: "cognito-idp.GetUserAuthFactors", in: `{"AccessToken":"$TOKEN"}`, shared: byToken},
	{op: "cognito-idp.GetUserPoolMfaConfig", in: `{"UserPoolId":"$POOL"}`},
	{
		op:     "cognito-idp.SetUserPoolMfaConfig",
		in:     `{"UserPoolId":"$NEW","MfaConfiguration":"OPTIONAL","SoftwareTokenMfaConfiguration":{"Enabled":true}}`,
		before: []string{newPool},
	},
	{op: "cognito-idp.SetUserMFAPreference", in: `{"AccessToken":"$TOKEN","SMSMfaSettings":{"Enabled":false}}`, shared: byToken},
	{op: "cognito-idp.SetUserSettings", in: `{"AccessToken":"$TOKEN","MFAOptions":[]}`, shared: byToken},
	{op: "cognito-idp.VerifySoftwareToken", in: `{"AccessToken":"$TOKEN","UserCode":"000000"}`, shared: byToken},
}
