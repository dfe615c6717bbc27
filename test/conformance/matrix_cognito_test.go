package conformance

// cognitoRows are the operations of user pools and identity pools.
var cognitoRows = []row{
	{
		op:     "cognito-idp.AddCustomAttributes",
		in:     `{"UserPoolId":"$NEW","CustomAttributes":[{"Name":"a$N","AttributeDataType":"String"}]}`,
		before: []string{`cognito-idp.CreateUserPool {"PoolName":"n-$N"}`},
	},
	{op: "cognito-idp.AdminAddUserToGroup", in: `{"UserPoolId":"$POOL","Username":"$PERSON","GroupName":"members-$TENANT"}`},
	{
		op:     "cognito-idp.AdminConfirmSignUp",
		in:     `{"UserPoolId":"$POOL","Username":"n-$N"}`,
		before: []string{`cognito-idp.SignUp {"ClientId":"$APP","Username":"n-$N","Password":"Correct-Horse-9-Battery"}`},
	},
	{op: "cognito-idp.AdminCreateUser", in: `{"UserPoolId":"$POOL","Username":"n-$N","MessageAction":"SUPPRESS"}`},
	{
		op:     "cognito-idp.AdminDeleteUser",
		in:     `{"UserPoolId":"$POOL","Username":"n-$N"}`,
		before: []string{`cognito-idp.AdminCreateUser {"UserPoolId":"$POOL","Username":"n-$N","MessageAction":"SUPPRESS"}`},
	},
	{op: "cognito-idp.AdminDeleteUserAttributes", in: `{"UserPoolId":"$POOL","Username":"$PERSON","UserAttributeNames":["nickname"]}`},
	{
		op:     "cognito-idp.AdminDisableUser",
		in:     `{"UserPoolId":"$POOL","Username":"n-$N"}`,
		before: []string{`cognito-idp.AdminCreateUser {"UserPoolId":"$POOL","Username":"n-$N","MessageAction":"SUPPRESS"}`},
	},
	{op: "cognito-idp.AdminEnableUser", in: `{"UserPoolId":"$POOL","Username":"$PERSON"}`},
	{op: "cognito-idp.AdminForgetDevice", in: `{"UserPoolId":"$POOL","Username":"$PERSON","DeviceKey":"us-east-1_00000000-0000-4000-8000-000000000000"}`},
	{op: "cognito-idp.AdminGetDevice", in: `{"UserPoolId":"$POOL","Username":"$PERSON","DeviceKey":"us-east-1_00000000-0000-4000-8000-000000000000"}`},
	{op: "cognito-idp.AdminGetUser", in: `{"UserPoolId":"$POOL","Username":"$PERSON"}`},
	{
		op: "cognito-idp.AdminInitiateAuth",
		in: `{"UserPoolId":"$POOL","ClientId":"$APP","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"$PERSON","PASSWORD":"Correct-Horse-9-Battery"}}`,
	},
	{op: "cognito-idp.AdminListDevices", in: `{"UserPoolId":"$POOL","Username":"$PERSON"}`},
	{op: "cognito-idp.AdminListGroupsForUser", in: `{"UserPoolId":"$POOL","Username":"$PERSON"}`},
	{op: "cognito-idp.AdminRemoveUserFromGroup", in: `{"UserPoolId":"$POOL","Username":"$PERSON","GroupName":"members-$TENANT"}`},
	{op: "cognito-idp.AdminResetUserPassword", in: `{"UserPoolId":"$POOL","Username":"$FRESH"}`, fresh: true},
	{
		op: "cognito-idp.AdminRespondToAuthChallenge",
		in: `{"UserPoolId":"$POOL","ClientId":"$APP","ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"none-none-none-none-none","ChallengeResponses":{"USERNAME":"$PERSON","NEW_PASSWORD":"Correct-Horse-9-Battery"}}`,
	},
	{
		op:     "cognito-idp.AdminSetUserPassword",
		in:     `{"UserPoolId":"$POOL","Username":"n-$N","Password":"Correct-Horse-9-Battery","Permanent":true}`,
		before: []string{`cognito-idp.AdminCreateUser {"UserPoolId":"$POOL","Username":"n-$N","MessageAction":"SUPPRESS"}`},
	},
	{op: "cognito-idp.AdminUpdateDeviceStatus", in: `{"UserPoolId":"$POOL","Username":"$PERSON","DeviceKey":"us-east-1_00000000-0000-4000-8000-000000000000","DeviceRememberedStatus":"remembered"}`},
	{
		op: "cognito-idp.AdminUpdateUserAttributes",
		in: `{"UserPoolId":"$POOL","Username":"$PERSON","UserAttributes":[{"Name":"nickname","Value":"x"}]}`,
	},
	{
		op:     "cognito-idp.AdminUserGlobalSignOut",
		in:     `{"UserPoolId":"$POOL","Username":"n-$N"}`,
		before: []string{`cognito-idp.AdminCreateUser {"UserPoolId":"$POOL","Username":"n-$N","MessageAction":"SUPPRESS"}`},
	},
	{
		op:     "cognito-idp.ChangePassword",
		in:     `{"AccessToken":"$TOKEN","PreviousPassword":"Correct-Horse-9-Battery","ProposedPassword":"Another-Horse-9-Battery"}`,
		fresh:  true,
		shared: byToken,
	},
	{op: "cognito-idp.CompleteWebAuthnRegistration", in: `{"AccessToken":"$TOKEN","Credential":{}}`, shared: byToken},
	{op: "cognito-idp.ConfirmDevice", in: `{"AccessToken":"$TOKEN","DeviceKey":"us-east-1_00000000-0000-4000-8000-000000000000"}`, shared: byToken},
	{
		op: "cognito-idp.ConfirmForgotPassword",
		in: `{"ClientId":"$APP","Username":"$PERSON","ConfirmationCode":"000000","Password":"Another-Horse-9-Battery"}`,
	},
	{op: "cognito-idp.ConfirmSignUp", in: `{"ClientId":"$APP","Username":"$PERSON","ConfirmationCode":"000000"}`},
	{op: "cognito-idp.CreateGroup", in: `{"UserPoolId":"$POOL","GroupName":"n-$N"}`},
	{op: "cognito-idp.CreateUserPool", in: `{"PoolName":"n-$N"}`},
	{op: "cognito-idp.CreateUserPoolClient", in: `{"UserPoolId":"$POOL","ClientName":"n-$N"}`},
	{
		op:     "cognito-idp.DeleteGroup",
		in:     `{"UserPoolId":"$POOL","GroupName":"n-$N"}`,
		before: []string{`cognito-idp.CreateGroup {"UserPoolId":"$POOL","GroupName":"n-$N"}`},
	},
	{op: "cognito-idp.DeleteUserPool", in: `{"UserPoolId":"$NEW"}`, before: []string{`cognito-idp.CreateUserPool {"PoolName":"n-$N"}`}},
	{
		op:     "cognito-idp.DeleteUserPoolClient",
		in:     `{"UserPoolId":"$POOL","ClientId":"$NEW"}`,
		before: []string{`cognito-idp.CreateUserPoolClient {"UserPoolId":"$POOL","ClientName":"n-$N"}`},
	},
	{op: "cognito-idp.DeleteWebAuthnCredential", in: `{"AccessToken":"$TOKEN","CredentialId":"AAAA"}`, shared: byToken},
	{op: "cognito-idp.DescribeUserPool", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.DescribeUserPoolClient", in: `{"UserPoolId":"$POOL","ClientId":"$APP"}`},
	{op: "cognito-idp.ForgetDevice", in: `{"AccessToken":"$TOKEN","DeviceKey":"us-east-1_00000000-0000-4000-8000-000000000000"}`, shared: byToken},
	{op: "cognito-idp.ForgotPassword", in: `{"ClientId":"$APP","Username":"$FRESH"}`, fresh: true, shared: byApp},
	{op: "cognito-idp.GetDevice", in: `{"AccessToken":"$TOKEN","DeviceKey":"us-east-1_00000000-0000-4000-8000-000000000000"}`, shared: byToken},
	{op: "cognito-idp.GetGroup", in: `{"UserPoolId":"$POOL","GroupName":"members-$TENANT"}`},
	{op: "cognito-idp.GetUser", in: `{"AccessToken":"$TOKEN"}`, shared: byToken},
	{op: "cognito-idp.GlobalSignOut", in: `{"AccessToken":"$TOKEN"}`, fresh: true, shared: byToken},
	{
		op:     "cognito-idp.InitiateAuth",
		in:     `{"ClientId":"$APP","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"$PERSON","PASSWORD":"Correct-Horse-9-Battery"}}`,
		shared: byPassword,
	},
	{op: "cognito-idp.ListDevices", in: `{"AccessToken":"$TOKEN"}`, shared: byToken},
	{op: "cognito-idp.ListGroups", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.ListTagsForResource", in: `{"ResourceArn":"arn:aws:cognito-idp:us-east-1:000000000000:userpool/$POOL"}`},
	{op: "cognito-idp.ListUserPoolClients", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.ListUserPools", in: `{"MaxResults":10}`},
	{op: "cognito-idp.ListUsers", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.ListUsersInGroup", in: `{"UserPoolId":"$POOL","GroupName":"members-$TENANT"}`},
	{op: "cognito-idp.ListWebAuthnCredentials", in: `{"AccessToken":"$TOKEN"}`, shared: byToken},
	{op: "cognito-idp.ResendConfirmationCode", in: `{"ClientId":"$APP","Username":"$PERSON"}`},
	{
		op: "cognito-idp.RespondToAuthChallenge",
		in: `{"ClientId":"$APP","ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"none-none-none-none-none","ChallengeResponses":{"USERNAME":"$PERSON","NEW_PASSWORD":"Correct-Horse-9-Battery"}}`,
	},
	{op: "cognito-idp.RevokeToken", in: `{"ClientId":"$APP","Token":"$REFRESH"}`, fresh: true, shared: byToken},
	{op: "cognito-idp.SignUp", in: `{"ClientId":"$APP","Username":"n-$N","Password":"Correct-Horse-9-Battery"}`, shared: byApp},
	{op: "cognito-idp.StartWebAuthnRegistration", in: `{"AccessToken":"$TOKEN"}`, shared: byToken},
	{op: "cognito-idp.TagResource", in: `{"ResourceArn":"arn:aws:cognito-idp:us-east-1:000000000000:userpool/$POOL","Tags":{"k":"v"}}`},
	{op: "cognito-idp.UntagResource", in: `{"ResourceArn":"arn:aws:cognito-idp:us-east-1:000000000000:userpool/$POOL","TagKeys":["k"]}`},
	{op: "cognito-idp.UpdateDeviceStatus", in: `{"AccessToken":"$TOKEN","DeviceKey":"us-east-1_00000000-0000-4000-8000-000000000000","DeviceRememberedStatus":"remembered"}`, shared: byToken},
	{op: "cognito-idp.UpdateGroup", in: `{"UserPoolId":"$POOL","GroupName":"members-$TENANT","Description":"d"}`},
	{
		op:     "cognito-idp.UpdateUserAttributes",
		in:     `{"AccessToken":"$TOKEN","UserAttributes":[{"Name":"nickname","Value":"x"}]}`,
		shared: byToken,
	},
	{op: "cognito-idp.UpdateUserPool", in: `{"UserPoolId":"$NEW"}`, before: []string{`cognito-idp.CreateUserPool {"PoolName":"n-$N"}`}},
	{
		op:     "cognito-idp.UpdateUserPoolClient",
		in:     `{"UserPoolId":"$POOL","ClientId":"$NEW","ClientName":"m-$N"}`,
		before: []string{`cognito-idp.CreateUserPoolClient {"UserPoolId":"$POOL","ClientName":"n-$N"}`},
	},
	{
		op: "cognito-idp.CreateIdentityProvider",
		in: `{"UserPoolId":"$POOL","ProviderName":"P$N","ProviderType":"OIDC","IdpIdentifiers":["i-$N"],"ProviderDetails":{"client_id":"c","client_secret":"s","authorize_scopes":"openid","attributes_request_method":"GET","oidc_issuer":"https://idp.example.com","authorize_url":"https://idp.example.com/a","token_url":"https://idp.example.com/t","attributes_url":"https://idp.example.com/u","jwks_uri":"https://idp.example.com/k"}}`,
	},
	{
		op: "cognito-idp.DescribeIdentityProvider",
		in: `{"UserPoolId":"$POOL","ProviderName":"P$N"}`,
		before: []string{
			`cognito-idp.CreateIdentityProvider {"UserPoolId":"$POOL","ProviderName":"P$N","ProviderType":"OIDC","IdpIdentifiers":["i-$N"],"ProviderDetails":{"client_id":"c","client_secret":"s","authorize_scopes":"openid","attributes_request_method":"GET","oidc_issuer":"https://idp.example.com","authorize_url":"https://idp.example.com/a","token_url":"https://idp.example.com/t","attributes_url":"https://idp.example.com/u","jwks_uri":"https://idp.example.com/k"}}`,
		},
	},
	{
		op: "cognito-idp.UpdateIdentityProvider",
		in: `{"UserPoolId":"$POOL","ProviderName":"P$N"}`,
		before: []string{
			`cognito-idp.CreateIdentityProvider {"UserPoolId":"$POOL","ProviderName":"P$N","ProviderType":"OIDC","IdpIdentifiers":["i-$N"],"ProviderDetails":{"client_id":"c","client_secret":"s","authorize_scopes":"openid","attributes_request_method":"GET","oidc_issuer":"https://idp.example.com","authorize_url":"https://idp.example.com/a","token_url":"https://idp.example.com/t","attributes_url":"https://idp.example.com/u","jwks_uri":"https://idp.example.com/k"}}`,
		},
	},
	{
		op: "cognito-idp.DeleteIdentityProvider",
		in: `{"UserPoolId":"$POOL","ProviderName":"P$N"}`,
		before: []string{
			`cognito-idp.CreateIdentityProvider {"UserPoolId":"$POOL","ProviderName":"P$N","ProviderType":"OIDC","IdpIdentifiers":["i-$N"],"ProviderDetails":{"client_id":"c","client_secret":"s","authorize_scopes":"openid","attributes_request_method":"GET","oidc_issuer":"https://idp.example.com","authorize_url":"https://idp.example.com/a","token_url":"https://idp.example.com/t","attributes_url":"https://idp.example.com/u","jwks_uri":"https://idp.example.com/k"}}`,
		},
	},
	{
		op: "cognito-idp.ListIdentityProviders",
		in: `{"UserPoolId":"$POOL"}`,
	},
	{
		op: "cognito-idp.GetIdentityProviderByIdentifier",
		in: `{"UserPoolId":"$POOL","IdpIdentifier":"i-$N"}`,
		before: []string{
			`cognito-idp.CreateIdentityProvider {"UserPoolId":"$POOL","ProviderName":"P$N","ProviderType":"OIDC","IdpIdentifiers":["i-$N"],"ProviderDetails":{"client_id":"c","client_secret":"s","authorize_scopes":"openid","attributes_request_method":"GET","oidc_issuer":"https://idp.example.com","authorize_url":"https://idp.example.com/a","token_url":"https://idp.example.com/t","attributes_url":"https://idp.example.com/u","jwks_uri":"https://idp.example.com/k"}}`,
		},
	},
	{
		op: "cognito-idp.AdminLinkProviderForUser",
		in: `{"UserPoolId":"$POOL","DestinationUser":{"ProviderName":"Cognito","ProviderAttributeValue":"$PERSON"},"SourceUser":{"ProviderName":"P$N","ProviderAttributeName":"Cognito_Subject","ProviderAttributeValue":"s"}}`,
		before: []string{
			`cognito-idp.CreateIdentityProvider {"UserPoolId":"$POOL","ProviderName":"P$N","ProviderType":"OIDC","IdpIdentifiers":["i-$N"],"ProviderDetails":{"client_id":"c","client_secret":"s","authorize_scopes":"openid","attributes_request_method":"GET","oidc_issuer":"https://idp.example.com","authorize_url":"https://idp.example.com/a","token_url":"https://idp.example.com/t","attributes_url":"https://idp.example.com/u","jwks_uri":"https://idp.example.com/k"}}`,
		},
	},
	{
		op: "cognito-idp.AdminDisableProviderForUser",
		in: `{"UserPoolId":"$POOL","User":{"ProviderName":"Cognito","ProviderAttributeName":"Cognito_Subject","ProviderAttributeValue":"n-$N"}}`,
		before: []string{
			`cognito-idp.AdminCreateUser {"UserPoolId":"$POOL","Username":"n-$N","MessageAction":"SUPPRESS"}`,
		},
	},
	{
		op: "cognito-idp.GetSigningCertificate",
		in: `{"UserPoolId":"$POOL"}`,
	},
	{op: "cognito-identity.CreateIdentityPool", in: `{"IdentityPoolName":"n-$N","AllowUnauthenticatedIdentities":false}`},
	{
		op:     "cognito-identity.DeleteIdentities",
		in:     `{"IdentityIdsToDelete":["$NEW"]}`,
		before: []string{`cognito-identity.CreateIdentityPool {"IdentityPoolName":"n-$N","AllowUnauthenticatedIdentities":true}`, `cognito-identity.GetId {"IdentityPoolId":"$NEW"}`},
	},
	{
		op:     "cognito-identity.DeleteIdentityPool",
		in:     `{"IdentityPoolId":"$NEW"}`,
		before: []string{`cognito-identity.CreateIdentityPool {"IdentityPoolName":"n-$N","AllowUnauthenticatedIdentities":true}`},
	},
	{op: "cognito-identity.DescribeIdentity", in: `{"IdentityId":"$IDENTITY"}`},
	{op: "cognito-identity.DescribeIdentityPool", in: `{"IdentityPoolId":"$IDS"}`},
	{op: "cognito-identity.GetCredentialsForIdentity", in: `{"IdentityId":"$IDENTITY","Logins":{"$PROVIDER":"$IDTOKEN"}}`, shared: byToken},
	{op: "cognito-identity.GetId", in: `{"IdentityPoolId":"$IDS","Logins":{"$PROVIDER":"$IDTOKEN"}}`, shared: byToken},
	{op: "cognito-identity.GetIdentityPoolRoles", in: `{"IdentityPoolId":"$IDS"}`},
	{op: "cognito-identity.GetOpenIdToken", in: `{"IdentityId":"$IDENTITY","Logins":{"$PROVIDER":"$IDTOKEN"}}`, shared: byToken},
	{
		op: "cognito-identity.GetOpenIdTokenForDeveloperIdentity",
		in: `{"IdentityPoolId":"$IDS","Logins":{"login.demo":"$TENANT"}}`,
	},
	{op: "cognito-identity.GetPrincipalTagAttributeMap", in: `{"IdentityPoolId":"$IDS","IdentityProviderName":"$PROVIDER"}`},
	{op: "cognito-identity.ListIdentities", in: `{"IdentityPoolId":"$IDS","MaxResults":10}`},
	{op: "cognito-identity.ListIdentityPools", in: `{"MaxResults":10}`},
	{op: "cognito-identity.ListTagsForResource", in: `{"ResourceArn":"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/$IDS"}`},
	{op: "cognito-identity.LookupDeveloperIdentity", in: `{"IdentityPoolId":"$IDS","DeveloperUserIdentifier":"$TENANT"}`},
	{
		op: "cognito-identity.MergeDeveloperIdentities",
		in: `{"IdentityPoolId":"$IDS","DeveloperProviderName":"login.demo","SourceUserIdentifier":"n-$N","DestinationUserIdentifier":"$TENANT"}`,
		before: []string{
			`cognito-identity.GetOpenIdTokenForDeveloperIdentity {"IdentityPoolId":"$IDS","Logins":{"login.demo":"n-$N"}}`,
		},
	},
	{
		op:     "cognito-identity.SetIdentityPoolRoles",
		in:     `{"IdentityPoolId":"$NEW","Roles":{}}`,
		before: []string{`cognito-identity.CreateIdentityPool {"IdentityPoolName":"n-$N","AllowUnauthenticatedIdentities":true}`},
	},
	{
		op: "cognito-identity.SetPrincipalTagAttributeMap",
		in: `{"IdentityPoolId":"$IDS","IdentityProviderName":"$PROVIDER","UseDefaults":false,"PrincipalTags":{"TenantID":"custom:tenant_id"}}`,
	},
	{
		op: "cognito-identity.TagResource",
		in: `{"ResourceArn":"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/$IDS","Tags":{"k":"v"}}`,
	},
	{
		op: "cognito-identity.UntagResource",
		in: `{"ResourceArn":"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/$IDS","TagKeys":["k"]}`,
	},
	{
		op: "cognito-identity.UnlinkDeveloperIdentity",
		in: `{"IdentityPoolId":"$IDS","IdentityId":"$NEW","DeveloperProviderName":"login.demo","DeveloperUserIdentifier":"n-$N"}`,
		before: []string{
			`cognito-identity.GetOpenIdTokenForDeveloperIdentity {"IdentityPoolId":"$IDS","Logins":{"login.demo":"n-$N"}}`,
		},
	},
	{
		op:     "cognito-identity.UnlinkIdentity",
		in:     `{"IdentityId":"$NEW","Logins":{"$PROVIDER":"$IDTOKEN"},"LoginsToRemove":["$PROVIDER"]}`,
		before: []string{`cognito-identity.GetId {"IdentityPoolId":"$IDS","Logins":{"$PROVIDER":"$IDTOKEN"}}`},
		fresh:  true,
		shared: byToken,
	},
	{
		op:     "cognito-identity.UpdateIdentityPool",
		in:     `{"IdentityPoolId":"$NEW","IdentityPoolName":"m-$N","AllowUnauthenticatedIdentities":false}`,
		before: []string{`cognito-identity.CreateIdentityPool {"IdentityPoolName":"n-$N","AllowUnauthenticatedIdentities":true}`},
	},
}
