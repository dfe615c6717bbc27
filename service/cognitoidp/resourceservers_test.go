package cognitoidp

import (
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
)

func scopes(names ...string) []api.ResourceServerScopeType {
	var out []api.ResourceServerScopeType
	for _, n := range names {
		out = append(out, api.ResourceServerScopeType{ScopeName: new(n), ScopeDescription: new("may " + n)})
	}
	return out
}

func (w *world) newServer(identifier string, names ...string) error {
	_, err := do(w, w.r.CreateResourceServer, w.s.CreateResourceServer, &api.CreateResourceServerInput{
		UserPoolId: &w.pool, Identifier: &identifier, Name: new("server"), Scopes: scopes(names...),
	})
	return err
}

func TestResourceServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"orders", "https://api.example.com/orders"} {
		if err := w.newServer(id, "read", "write"); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "twice", w.newServer("orders"), "InvalidParameterException", "orders already exists in user pool "+w.pool+".")
	want(t, "a scope twice", w.newServer("other", "read", "read"), "InvalidParameterException", "")
	describe := func(id string) (*api.DescribeResourceServerOutput, error) {
		return do(w, w.r.DescribeResourceServer, w.s.DescribeResourceServer, &api.DescribeResourceServerInput{UserPoolId: &w.pool, Identifier: &id})
	}
	if d := must(describe("orders"))(t).ResourceServer; *d.Name != "server" || len(d.Scopes) != 2 || *d.Scopes[1].ScopeDescription != "may write" {
		t.Errorf("%+v", d)
	}
	_, err := describe("nosuch")
	want(t, "none", err, "ResourceNotFoundException", "Resource server does not exist.")
	must(do(w, w.r.UpdateResourceServer, w.s.UpdateResourceServer, &api.UpdateResourceServerInput{
		UserPoolId: &w.pool, Identifier: new("orders"), Name: new("renamed"), Scopes: scopes("read"),
	}))(t)
	if d := must(describe("orders"))(t).ResourceServer; *d.Name != "renamed" || len(d.Scopes) != 1 {
		t.Errorf("%+v", d)
	}
	var seen []string
	var token *string
	for {
		out := must(do(w, w.r.ListResourceServers, w.s.ListResourceServers, &api.ListResourceServersInput{UserPoolId: &w.pool, MaxResults: new(int32(1)), NextToken: token}))(t)
		for _, r := range out.ResourceServers {
			seen = append(seen, *r.Identifier)
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	if len(seen) != 2 {
		t.Errorf("listed %v", seen)
	}
	must(do(w, w.r.DeleteResourceServer, w.s.DeleteResourceServer, &api.DeleteResourceServerInput{UserPoolId: &w.pool, Identifier: new("orders")}))(t)
	_, err = describe("orders")
	want(t, "deleted", err, "ResourceNotFoundException", "")
}

func TestOAuthSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.newServer("https://api.example.com", "read"); err != nil {
		t.Fatal(err)
	}
	const oauth, param, scope = "InvalidOAuthFlowException", "InvalidParameterException", "ScopeDoesNotExistException"
	type in = api.CreateUserPoolClientInput
	for name, tc := range map[string]struct {
		change        func(*in)
		code, message string
	}{
		"code":          {change: func(*in) {}},
		"implicit too":  {change: func(i *in) { i.AllowedOAuthFlows = append(i.AllowedOAuthFlows, "implicit") }},
		"own scope":     {change: func(i *in) { i.AllowedOAuthScopes = []string{"openid", "https://api.example.com/read"} }},
		"no such scope": {func(i *in) { i.AllowedOAuthScopes = []string{"https://api.example.com/write"} }, scope, "Invalid scope requested: https://api.example.com/write"},
		"bare scope":    {func(i *in) { i.AllowedOAuthScopes = []string{"read"} }, scope, ""},
		"no flows":      {func(i *in) { i.AllowedOAuthFlows = nil }, oauth, ""},
		"no scopes":     {func(i *in) { i.AllowedOAuthScopes = nil }, oauth, ""},
		"no callbacks":  {func(i *in) { i.CallbackURLs = nil }, oauth, "CallbackUrls can not be empty when code flow or implicit flow is selected"},
		"mixed": {func(i *in) {
			i.AllowedOAuthFlows, i.GenerateSecret = append(i.AllowedOAuthFlows, "client_credentials"), new(true)
		}, oauth, "client_credentials flow can not be selected along with code flow or implicit flow"},
		"machine without secret": {func(i *in) { i.AllowedOAuthFlows = []api.OAuthFlowType{"client_credentials"} }, oauth, "client_credentials flow can not be selected if client does not have a client secret"},
		"machine as a person": {func(i *in) {
			i.AllowedOAuthFlows, i.GenerateSecret = []api.OAuthFlowType{"client_credentials"}, new(true)
		}, oauth, "openid is not supported with client_credentials flow"},
		"machine": {change: func(i *in) {
			i.AllowedOAuthFlows, i.GenerateSecret = []api.OAuthFlowType{"client_credentials"}, new(true)
			i.AllowedOAuthScopes, i.CallbackURLs = []string{"https://api.example.com/read"}, nil
		}},
		"http":             {func(i *in) { i.CallbackURLs = []string{"http://app.example.com/"} }, param, "http://app.example.com/ cannot use the HTTP protocol."},
		"http in disguise": {func(i *in) { i.CallbackURLs = []string{"HTTP://app.example.com/"} }, param, ""},
		"almost localhost": {func(i *in) { i.CallbackURLs = []string{"http://localhost.example.com/"} }, param, ""},
		"user localhost":   {func(i *in) { i.CallbackURLs = []string{"http://localhost@example.com/"} }, param, ""},
		"here": {change: func(i *in) {
			i.CallbackURLs = []string{"http://localhost:3000/", "http://127.0.0.1/x", "http://[::1]:1/"}
		}},
		"app scheme":     {change: func(i *in) { i.CallbackURLs = []string{"myapp://done"} }},
		"script":         {func(i *in) { i.CallbackURLs = []string{"JavaScript:alert(1)"} }, param, ""},
		"data":           {func(i *in) { i.LogoutURLs = []string{"data:text/html,x"} }, param, ""},
		"relative":       {func(i *in) { i.CallbackURLs = []string{"/done"} }, param, ""},
		"fragment":       {func(i *in) { i.CallbackURLs = []string{"https://a.example/#x"} }, param, ""},
		"empty fragment": {func(i *in) { i.CallbackURLs = []string{"https://a.example/#"} }, param, ""},
		"no host":        {func(i *in) { i.CallbackURLs = []string{"https:///x"} }, param, ""},
		"user":           {func(i *in) { i.CallbackURLs = []string{"https://a@b.example/x"} }, param, ""},
		"wildcard":       {func(i *in) { i.CallbackURLs = []string{"https://*.example/x"} }, param, ""},
		"backslash":      {func(i *in) { i.CallbackURLs = []string{`https://a.example\@b.example`} }, param, ""},
		"line break":     {func(i *in) { i.CallbackURLs = []string{"https://a.example/\r\nx"} }, param, ""},
		"other default":  {func(i *in) { i.DefaultRedirectURI = new("https://b.example") }, param, ""},
		"default":        {change: func(i *in) { i.DefaultRedirectURI = new("https://a.example/done") }},
		"provider":       {func(i *in) { i.SupportedIdentityProviders = []string{"COGNITO", "Nobody"} }, param, "The provider Nobody does not exist for User Pool " + w.pool + "."},
		"context data":   {func(i *in) { i.EnablePropagateAdditionalUserContextData = new(true) }, param, ""},
	} {
		made := &in{
			UserPoolId: &w.pool, ClientName: new("c"), AllowedOAuthFlowsUserPoolClient: new(true), AllowedOAuthFlows: []api.OAuthFlowType{"code"},
			AllowedOAuthScopes: []string{"openid"}, CallbackURLs: []string{"https://a.example/done"},
		}
		tc.change(made)
		_, err := do(w, w.r.CreateUserPoolClient, w.s.CreateUserPoolClient, made)
		if tc.code == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if tc.code != "" {
			want(t, name, err, tc.code, tc.message)
		}
	}
	// What creating refuses, updating refuses, and nothing changes.
	_, err := do(w, w.r.UpdateUserPoolClient, w.s.UpdateUserPoolClient, &api.UpdateUserPoolClientInput{
		UserPoolId: &w.pool, ClientId: &w.app, ClientName: new("changed"), CallbackURLs: []string{"http://evil.example"},
	})
	want(t, "update", err, param, "")
	d := must(do(w, w.r.DescribeUserPoolClient, w.s.DescribeUserPoolClient, &api.DescribeUserPoolClientInput{UserPoolId: &w.pool, ClientId: &w.app}))(t)
	if *d.UserPoolClient.ClientName != "c" || d.UserPoolClient.CallbackURLs != nil {
		t.Errorf("a refused update changed the client: %+v", d.UserPoolClient)
	}
}

func TestClientSecretsRotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	signIn := func(secret string) error {
		before := w.secret
		w.secret = secret
		defer func() { w.secret = before }()
		_, err := w.initiate(w.private, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": "ana", "PASSWORD": password, "SECRET_HASH": *w.hash("ana")})
		return err
	}
	add := func(client string, secret *string) (*api.AddUserPoolClientSecretOutput, error) {
		return do(w, w.r.AddUserPoolClientSecret, w.s.AddUserPoolClientSecret, &api.AddUserPoolClientSecretInput{UserPoolId: &w.pool, ClientId: &client, ClientSecret: secret})
	}
	list := func() []api.ClientSecretDescriptorType {
		return must(do(w, w.r.ListUserPoolClientSecrets, w.s.ListUserPoolClientSecrets, &api.ListUserPoolClientSecretsInput{UserPoolId: &w.pool, ClientId: &w.private}))(t).ClientSecrets
	}
	remove := func(id string) error {
		_, err := do(w, w.r.DeleteUserPoolClientSecret, w.s.DeleteUserPoolClientSecret, &api.DeleteUserPoolClientSecretInput{UserPoolId: &w.pool, ClientId: &w.private, ClientSecretId: &id})
		return err
	}
	_, err := add(w.app, nil)
	want(t, "a public client stays public", err, "InvalidParameterException", "")
	_, err = add(w.private, &w.secret)
	want(t, "the same secret", err, "InvalidParameterException", "")
	first := list()
	want(t, "the last secret", remove(*first[0].ClientSecretId), "InvalidParameterException", "")
	w.now = w.now.Add(time.Second)
	second := must(add(w.private, nil))(t).ClientSecretDescriptor
	if second.ClientSecretValue == nil || *second.ClientSecretId == *first[0].ClientSecretId {
		t.Fatalf("%+v", second)
	}
	_, err = add(w.private, nil)
	want(t, "a third", err, "LimitExceededException", "")
	for _, s := range []string{w.secret, *second.ClientSecretValue} {
		if err := signIn(s); err != nil {
			t.Errorf("with one of two secrets: %v", err)
		}
	}
	want(t, "neither", signIn("something-else-altogether"), "NotAuthorizedException", "")
	if got := list(); len(got) != 2 || got[0].ClientSecretValue != nil || got[1].ClientSecretValue != nil {
		t.Errorf("%+v", got)
	}
	if err := remove(*first[0].ClientSecretId); err != nil {
		t.Fatal(err)
	}
	want(t, "the old secret", signIn(w.secret), "NotAuthorizedException", "")
	if err := signIn(*second.ClientSecretValue); err != nil {
		t.Error(err)
	}
	want(t, "gone already", remove(*first[0].ClientSecretId), "ResourceNotFoundException", "")
	given := must(add(w.private, new("given-secret-of-the-operator-1")))(t).ClientSecretDescriptor
	if given.ClientSecretValue != nil {
		t.Error("a secret that the caller gave comes back")
	}
}
