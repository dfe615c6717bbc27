package oidc

import "slices"

// Google is Google as a provider ("Adding social identity providers", Amazon Cognito Developer Guide).
func Google(id string, secret []byte, scopes string) *Provider {
	return &Provider{ //nolint:gosec // addresses, no credentials
		Issuer: "https://accounts.google.com", Also: "accounts.google.com",
		Authorize: "https://accounts.google.com/o/oauth2/v2/auth", Token: "https://oauth2.googleapis.com/token",
		UserInfo: "https://openidconnect.googleapis.com/v1/userinfo", JWKS: "https://www.googleapis.com/oauth2/v3/certs",
		ClientID: id, Secret: secret, Auth: AuthPost, Scopes: withOpenID(scopes), Subject: "sub",
	}
}

// withOpenID adds the scope without which there is no ID token.
func withOpenID(scopes string) string {
	if slices.Contains(splitScopes(scopes), "openid") {
		return scopes
	}
	return "openid " + scopes
}

// Amazon is Login with Amazon.
func Amazon(id string, secret []byte, scopes string) *Provider {
	return &Provider{ //nolint:gosec // addresses, no credentials
		Authorize: "https://www.amazon.com/ap/oa", Token: "https://api.amazon.com/auth/o2/token",
		UserInfo: "https://api.amazon.com/user/profile",
		ClientID: id, Secret: secret, Auth: AuthPost, Scopes: scopes, Subject: "user_id",
	}
}

// Facebook is Facebook, in a version of its API such as v17.0. Its answers hold the fields that are asked for.
func Facebook(id string, secret []byte, scopes, version string, fields []string) *Provider {
	fields = slices.Clone(fields)
	if !slices.Contains(fields, "id") {
		fields = append(fields, "id")
	}
	slices.Sort(fields)
	graph := "https://graph.facebook.com/" + version
	return &Provider{
		Authorize: "https://www.facebook.com/" + version + "/dialog/oauth", Token: graph + "/oauth/access_token", UserInfo: graph + "/me",
		ClientID: id, Secret: secret, Auth: AuthQuery, Scopes: scopes, Fields: slices.Compact(fields), Proof: true, Subject: "id",
	}
}

// Apple is Sign in with Apple. The key is set by the caller.
func Apple(id, scopes string) *Provider {
	return &Provider{ //nolint:gosec // addresses, no credentials
		Issuer: "https://appleid.apple.com", Authorize: "https://appleid.apple.com/auth/authorize",
		Token: "https://appleid.apple.com/auth/token", JWKS: "https://appleid.apple.com/auth/keys",
		ClientID: id, Auth: AuthApple, Scopes: scopes, FormPost: true, Subject: "sub",
	}
}
