package cognitoidp

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// newTokens is a world whose tokens a function of a version changes, with a user ada in two groups.
func newTokens(t testing.TB, version api.PreTokenGenerationLambdaVersionType) (*world, *lambdas) {
	t.Helper()
	w, l := newTriggered(t, &api.LambdaConfigType{PreTokenGenerationConfig: &api.PreTokenGenerationVersionConfigType{LambdaArn: fn(trigger.PreTokenGeneration), LambdaVersion: version}})
	w.member("ada", "email", "ada@example.com", "custom:tenant_id", "acme")
	for i, g := range []string{"admins", "users"} {
		must(do(w, w.r.CreateGroup, w.s.CreateGroup, &api.CreateGroupInput{
			UserPoolId: &w.pool, GroupName: &g, Precedence: new(int32(i)), RoleArn: new("arn:aws:iam::" + testAccount + ":role/" + g),
		}))(t)
		must(do(w, w.r.AdminAddUserToGroup, w.s.AdminAddUserToGroup, &api.AdminAddUserToGroupInput{UserPoolId: &w.pool, GroupName: &g, Username: new("ada")}))(t)
	}
	return w, l
}

type object = map[string]any

func (w *world) claims() (id, access object) {
	w.t.Helper()
	tokens := w.tokens(w.app, "ada")
	return decoded(w.t, *tokens.IdToken), decoded(w.t, *tokens.AccessToken)
}

func TestPreTokenVersion1(t *testing.T) {
	t.Parallel()
	w, l := newTokens(t, "V1_0")
	w.claims() // a function that says nothing changes nothing
	l.answer(tokens.SourceAuthentication, "claimsOverrideDetails", object{
		"claimsToAddOrOverride": object{"plan": "gold", "email": "other@example.com", "sub": "evil", "cognito:username": "evil", "aud": "evil"},
		"claimsToSuppress":      []string{"custom:tenant_id", "iss"},
		"groupOverrideDetails":  object{"groupsToOverride": []string{"a"}, "iamRolesToOverride": []string{"r"}, "preferredRole": "r"},
	})
	id, access := w.claims()
	if id["plan"] != "gold" || id["email"] != "other@example.com" || id["custom:tenant_id"] != nil || id["cognito:preferred_role"] != "r" {
		t.Errorf("%v", id)
	}
	if id["sub"] == "evil" || id["cognito:username"] != "ada" || id["aud"] != w.app || id["iss"] == nil {
		t.Errorf("a fixed claim was changed: %v", id)
	}
	if access["plan"] != nil || !reflect.DeepEqual(access["cognito:groups"], []any{"a"}) || access["cognito:roles"] != nil {
		t.Errorf("%v", access)
	}
	l.answer(tokens.SourceAuthentication, "claimsOverrideDetails", object{"claimsToAddOrOverride": object{"plan": 7}})
	_, err := w.signIn(w.app, "ada", password)
	want(t, "a number in version 1", err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
	l.answer(tokens.SourceAuthentication, "claimsOverrideDetails", object{"groupOverrideDetails": object{}})
	if id, _ := w.claims(); id["cognito:groups"] != nil || id["cognito:roles"] != nil || id["cognito:preferred_role"] != nil {
		t.Errorf("groups that are overridden by none: %v", id)
	}
}

func TestPreTokenVersions2And3(t *testing.T) {
	t.Parallel()
	for _, version := range []api.PreTokenGenerationLambdaVersionType{"V2_0", "V3_0"} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			w, l := newTokens(t, version)
			tags := object{"principal_tags": object{"TenantID": []any{"acme"}}, "transitive_tag_keys": []any{"TenantID"}}
			l.answer(tokens.SourceAuthentication, "claimsAndScopeOverrideDetails", object{
				"idTokenGeneration": object{
					"claimsToAddOrOverride": object{tokens.TagsClaim: tags, "n": 12345678901234567, "list": []any{"a", 1, true}, "both": "x"},
					"claimsToSuppress":      []string{"email", "both"},
				},
				"accessTokenGeneration": object{
					"claimsToAddOrOverride": object{
						"tenant": object{"id": "acme", "roles": []string{"r"}}, "client_id": "evil", "username": "evil", "scope": "evil", "token_use": "id", "aud": w.app,
						"cognito:x": "evil", "dev:x": "evil",
					},
					"scopesToAdd":      []string{"orders/read", "aws.cognito.signin.user.admin2"},
					"scopesToSuppress": []string{"openid"},
				},
			})
			id, access := w.claims()
			l.golden(w, tokens.SourceAuthentication, "TokenGeneration_Authentication."+strings.ToLower(string(version)[:2]))
			if !reflect.DeepEqual(id[tokens.TagsClaim], tags) || fmt.Sprint(id["n"]) != "1.2345678901234568e+16" || !reflect.DeepEqual(id["list"], []any{"a", 1.0, true}) {
				t.Errorf("%v", id)
			}
			if id["email"] != nil || id["both"] != nil {
				t.Errorf("suppressed claims are there: %v", id)
			}
			if access["client_id"] != w.app || access["username"] != "ada" || access["token_use"] != "access" || access["aud"] != w.app ||
				access["cognito:x"] != nil || access["dev:x"] != nil || access["scope"] != tokens.ScopeSelf+" orders/read" {
				t.Errorf("%v", access)
			}
			if !reflect.DeepEqual(access["tenant"], object{"id": "acme", "roles": []any{"r"}}) {
				t.Errorf("%v", access["tenant"])
			}
		})
	}
}

func TestPreTokenRefusesWhatCannotBeInTokens(t *testing.T) {
	t.Parallel()
	w, l := newTokens(t, "V2_0")
	for name, details := range map[string]object{
		"an address":     {"idTokenGeneration": object{"claimsToAddOrOverride": object{"address": object{"country": "x"}}}},
		"a list of mail": {"idTokenGeneration": object{"claimsToAddOrOverride": object{"email_verified": []bool{true}}}},
		"too long":       {"accessTokenGeneration": object{"claimsToAddOrOverride": object{"x": strings.Repeat("x", tokens.MaxAddedClaims)}}},
		"two scopes":     {"accessTokenGeneration": object{"scopesToAdd": []string{"a b"}}},
		"no scope":       {"accessTokenGeneration": object{"scopesToAdd": []string{""}}},
		"a type":         {"accessTokenGeneration": object{"scopesToAdd": "a"}},
	} {
		l.answer(tokens.SourceAuthentication, "claimsAndScopeOverrideDetails", details)
		_, err := w.signIn(w.app, "ada", password)
		want(t, name, err, "InvalidLambdaResponseException", "")
	}
	l.refuse(tokens.SourceAuthentication, "no tokens")
	_, err := w.signIn(w.app, "ada", password)
	want(t, "refused", err, "UserLambdaValidationException", "PreTokenGeneration failed with error no tokens.")
}

// An aud that is not the app client's, and every fixed claim, stay as they are in both tokens.
func TestPreTokenCannotForge(t *testing.T) {
	t.Parallel()
	w, l := newTokens(t, "V2_0")
	fixed := slices.Concat(tokens.FixedClaims, tokens.FixedIDClaims, tokens.FixedAccessClaims)
	forged := object{}
	for _, name := range fixed {
		forged[name] = "forged"
	}
	part := object{"claimsToAddOrOverride": forged, "claimsToSuppress": fixed}
	l.answer(tokens.SourceAuthentication, "claimsAndScopeOverrideDetails", object{"idTokenGeneration": part, "accessTokenGeneration": part})
	id, access := w.claims()
	for _, name := range slices.Concat(tokens.FixedClaims, tokens.FixedIDClaims) {
		if id[name] == "forged" {
			t.Errorf("the ID token has a forged %s", name)
		}
	}
	for _, name := range append(slices.Concat(tokens.FixedClaims, tokens.FixedAccessClaims), "aud") {
		if access[name] == "forged" {
			t.Errorf("the access token has a forged %s", name)
		}
	}
	for _, name := range []string{"sub", "iss", "exp", "token_use", "origin_jti", "auth_time", "iat", "jti"} {
		if id[name] == nil || access[name] == nil {
			t.Errorf("the claim %s was suppressed", name)
		}
	}
}

func TestPreTokenOfMachines(t *testing.T) {
	t.Parallel()
	for version, called := range map[api.PreTokenGenerationLambdaVersionType]bool{"V1_0": false, "V2_0": false, "V3_0": true} {
		w, l := newTokens(t, version)
		l.answer(tokens.SourceClientCredentials, "claimsAndScopeOverrideDetails", object{"accessTokenGeneration": object{
			"claimsToAddOrOverride": object{"tenant": "acme"}, "scopesToSuppress": []string{"b/c"},
		}})
		app := &userpool.Client{ID: w.app, Pool: w.pool, Secrets: []userpool.ClientSecret{{}}, ClientSettings: userpool.ClientSettings{
			OAuthFlows: []api.OAuthFlowType{"client_credentials"}, OAuthScopes: []string{"a/b", "b/c"},
		}}
		var access object
		err := w.inside(func(c *scoped) error {
			out, err := c.clientCredentials(app, "", map[string]string{"from": "batch"})
			if err == nil {
				access = decoded(t, *out.AccessToken)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(l.sources(), tokens.SourceClientCredentials); got != called {
			t.Errorf("%s: called %v", version, got)
		}
		if called {
			l.golden(w, tokens.SourceClientCredentials, "TokenGeneration_ClientCredentials.v3")
			if access["tenant"] != "acme" || access["scope"] != "a/b" {
				t.Errorf("%v", access)
			}
		}
	}
}

// Who is signed out while the function runs gets no tokens.
func TestPreTokenOfSomebodySignedOut(t *testing.T) {
	t.Parallel()
	w, l := newTokens(t, "V2_0")
	l.answers[tokens.SourceAuthentication] = func(object) {
		must(do(w, w.r.AdminUserGlobalSignOut, w.s.AdminUserGlobalSignOut, &api.AdminUserGlobalSignOutInput{UserPoolId: &w.pool, Username: new("ada")}))(t)
	}
	_, err := w.signIn(w.app, "ada", password)
	want(t, "signed out", err, "NotAuthorizedException", "")
}
