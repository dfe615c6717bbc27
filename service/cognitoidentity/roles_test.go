package cognitoidentity

import (
	"encoding/json"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
)

const roleARN = "arn:aws:iam::" + account + ":role/"

func rule(claim string, how api.MappingRuleMatchType, value, role string) api.MappingRule {
	return api.MappingRule{Claim: &claim, MatchType: how, Value: &value, RoleARN: new(roleARN + role)}
}

func TestRoleChoice(t *testing.T) {
	t.Parallel()
	const (
		deny  = api.AmbiguousRoleResolutionTypeDeny
		def   = api.AmbiguousRoleResolutionTypeAuthenticatedRole
		equal = api.MappingRuleMatchTypeEquals
		not   = api.MappingRuleMatchTypeNotEqual
		has   = api.MappingRuleMatchTypeContains
		start = api.MappingRuleMatchTypeStartsWith
	)
	token := func(a api.AmbiguousRoleResolutionType) api.RoleMapping {
		return api.RoleMapping{Type: api.RoleMappingTypeToken, AmbiguousRoleResolution: a}
	}
	rules := func(a api.AmbiguousRoleResolutionType, r ...api.MappingRule) api.RoleMapping {
		return api.RoleMapping{Type: api.RoleMappingTypeRules, AmbiguousRoleResolution: a, RulesConfiguration: &api.RulesConfigurationType{Rules: r}}
	}
	two := `{"cognito:roles":["` + roleARN + `A","` + roleARN + `B"]}`
	for name, c := range map[string]struct {
		mapping api.RoleMapping
		claims  string
		custom  string
		want    string // a role's name, or an error's code
	}{
		"preferred":                {token(deny), `{"cognito:preferred_role":"` + roleARN + `A","cognito:roles":["` + roleARN + `B"]}`, "", "A"},
		"only one":                 {token(deny), `{"cognito:roles":["` + roleARN + `B"]}`, "", "B"},
		"several, default":         {token(def), two, "", "Default"},
		"several, deny":            {token(deny), two, "", "NotAuthorizedException"},
		"none, deny":               {token(deny), `{}`, "", "NotAuthorizedException"},
		"asked for":                {token(deny), two, "B", "B"},
		"asked for in vain":        {token(deny), two, "C", "NotAuthorizedException"},
		"asked for, default":       {token(def), `{}`, "Default", "NotAuthorizedException"},
		"asked for, preferred":     {token(def), `{"cognito:preferred_role":"` + roleARN + `A"}`, "A", "NotAuthorizedException"},
		"asked for, rules":         {rules(def, rule("x", equal, "y", "A")), two, "A", "NotAuthorizedException"},
		"roles as text":            {token(deny), `{"cognito:roles":"` + roleARN + `A"}`, "", "NotAuthorizedException"},
		"roles of mixed types":     {token(deny), `{"cognito:roles":["` + roleARN + `A",7]}`, "", "NotAuthorizedException"},
		"preferred list":           {token(deny), `{"cognito:preferred_role":["` + roleARN + `A"]}`, "", "NotAuthorizedException"},
		"another account":          {token(def), `{"cognito:preferred_role":"arn:aws:iam::999999999999:role/A"}`, "", "InvalidIdentityPoolConfigurationException"},
		"no role at all":           {token(def), `{"cognito:preferred_role":"x"}`, "", "InvalidIdentityPoolConfigurationException"},
		"equals":                   {rules(deny, rule("t", equal, "gold", "A")), `{"t":"gold"}`, "", "A"},
		"equals, case":             {rules(deny, rule("t", equal, "gold", "A")), `{"t":"Gold"}`, "", "NotAuthorizedException"},
		"first rule":               {rules(deny, rule("t", start, "go", "A"), rule("t", equal, "gold", "B")), `{"t":"gold"}`, "", "A"},
		"second rule":              {rules(deny, rule("t", equal, "go", "A"), rule("t", has, "ol", "B")), `{"t":"gold"}`, "", "B"},
		"number":                   {rules(deny, rule("n", equal, "7", "A")), `{"n":7}`, "", "A"},
		"boolean":                  {rules(deny, rule("b", equal, "true", "A")), `{"b":true}`, "", "A"},
		"not equal":                {rules(deny, rule("t", not, "free", "A")), `{"t":"gold"}`, "", "A"},
		"not equal, absent":        {rules(deny, rule("t", not, "free", "A")), `{}`, "", "NotAuthorizedException"},
		"not equal, null":          {rules(deny, rule("t", not, "free", "A")), `{"t":null}`, "", "NotAuthorizedException"},
		"object":                   {rules(deny, rule("t", not, "free", "A")), `{"t":{"a":"b"}}`, "", "NotAuthorizedException"},
		"group":                    {rules(deny, rule("g", has, "admin", "A")), `{"g":["dev","admin"]}`, "", "A"},
		"group's name within":      {rules(deny, rule("g", has, "admin", "A")), `{"g":["not-admin"]}`, "", "NotAuthorizedException"},
		"group that looks like it": {rules(deny, rule("g", has, `admin`, "A")), `{"g":["x\",\"admin"]}`, "", "NotAuthorizedException"},
		"group, not":               {rules(deny, rule("g", not, "banned", "A")), `{"g":["dev","banned"]}`, "", "NotAuthorizedException"},
		"no rule, default":         {rules(def, rule("t", equal, "gold", "A")), `{"t":"tin"}`, "", "Default"},
		"no rule, deny":            {rules(deny, rule("t", equal, "gold", "A")), `{"t":"tin"}`, "", "NotAuthorizedException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pool{Account: account, Roles: map[string]string{"authenticated": roleARN + "Default"}, Mappings: map[string]api.RoleMapping{users + ":" + client: c.mapping}}
			v := &verified{claims: &webtoken.Claims{}, names: []string{users + ":" + client, users}, userPool: true}
			if err := json.Unmarshal([]byte(c.claims), &v.claims.Raw); err != nil {
				t.Fatal(err)
			}
			custom := ""
			if c.custom != "" {
				custom = roleARN + c.custom
			}
			got, err := p.roleFor("i", []*verified{v}, custom)
			if err != nil {
				refused(t, err, c.want, "")
			} else if got != roleARN+c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestRoleOfGuestsAndSeveralLogins(t *testing.T) {
	t.Parallel()
	p := &pool{Account: account, Roles: map[string]string{}}
	_, err := p.roleFor("i", nil, "")
	refused(t, err, "InvalidIdentityPoolConfigurationException", "Check assigned IAM roles")
	p.Roles["unauthenticated"] = roleARN + "G"
	if r, err := p.roleFor("i", nil, ""); err != nil || r != roleARN+"G" {
		t.Error(r, err)
	}
	_, err = p.roleFor("i", nil, roleARN+"G")
	refused(t, err, "NotAuthorizedException", "Access to Identity 'i' is forbidden.")
	a := &verified{claims: &webtoken.Claims{Raw: map[string]json.RawMessage{"t": json.RawMessage(`"x"`)}}, names: []string{"a"}}
	b := &verified{claims: &webtoken.Claims{}, names: []string{"b"}}
	_, err = p.roleFor("i", []*verified{a}, "")
	refused(t, err, "InvalidIdentityPoolConfigurationException", "")
	p.Roles["authenticated"] = roleARN + "Default"
	if r, err := p.roleFor("i", []*verified{a, b}, ""); err != nil || r != roleARN+"Default" {
		t.Error(r, err)
	}
	p.Mappings = map[string]api.RoleMapping{"a": {
		Type: api.RoleMappingTypeRules, AmbiguousRoleResolution: api.AmbiguousRoleResolutionTypeDeny,
		RulesConfiguration: &api.RulesConfigurationType{Rules: []api.MappingRule{rule("t", api.MappingRuleMatchTypeEquals, "x", "A")}},
	}}
	_, err = p.roleFor("i", []*verified{a, b}, "")
	refused(t, err, "NotAuthorizedException", "different roles")
}

func TestSetIdentityPoolRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := w.pool(nil)
	set := func(in *api.SetIdentityPoolRolesInput) error {
		in.IdentityPoolId = &pool
		_, err := admin(w, w.req().SetIdentityPoolRoles, w.SetIdentityPoolRoles, in)
		return err
	}
	mapped := func(name string, m api.RoleMapping) *api.SetIdentityPoolRolesInput {
		return &api.SetIdentityPoolRolesInput{Roles: map[string]string{}, RoleMappings: map[string]api.RoleMapping{name: m}}
	}
	token := api.RoleMapping{Type: api.RoleMappingTypeToken, AmbiguousRoleResolution: api.AmbiguousRoleResolutionTypeDeny}
	if err := set(mapped(users+":"+client, token)); err != nil {
		t.Fatal(err)
	}
	out, err := admin(w, w.req().GetIdentityPoolRoles, w.GetIdentityPoolRoles, &api.GetIdentityPoolRolesInput{IdentityPoolId: &pool})
	if err != nil || out.RoleMappings[users+":"+client].Type != api.RoleMappingTypeToken {
		t.Error(out, err)
	}
	w.outsideProvider()
	for name, in := range map[string]*api.SetIdentityPoolRolesInput{
		"unknown provider":      mapped(other+":"+client, token),
		"unknown client":        mapped(users+":client2", token),
		"token of an outsider":  mapped(oidcARN, token),
		"no resolution":         mapped(users, api.RoleMapping{Type: api.RoleMappingTypeToken}),
		"rules without rules":   mapped(users, api.RoleMapping{Type: api.RoleMappingTypeRules, AmbiguousRoleResolution: "Deny"}),
		"not a role":            {Roles: map[string]string{"authenticated": "arn:aws:iam::" + account + ":user/u"}},
		"another account's own": {Roles: map[string]string{"authenticated": "arn:aws:s3:::bucket/role/x-------"}},
	} {
		if err := set(in); err == nil {
			t.Error(name)
		}
	}
	// who may not pass a role may not give it to a pool's identities
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-identity:*","Resource":"*"},` +
		`{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/Small",` +
		`"Condition":{"StringEquals":{"iam:PassedToService":"cognito-identity.amazonaws.com"}}}]}`
	pass := func(role string) error {
		_, err := as(w, account, w.req().SetIdentityPoolRoles, w.SetIdentityPoolRoles,
			&api.SetIdentityPoolRolesInput{IdentityPoolId: &pool, Roles: map[string]string{"authenticated": role}}, policy)
		return err
	}
	if err := pass(roleARN + "Admin"); err != errDenied { //nolint:errorlint // as returns it bare
		t.Error(err)
	}
	if err := pass(roleARN + "Small"); err != nil {
		t.Error(err)
	}
	if err := pass("arn:aws:iam::999999999999:role/Small"); err == nil {
		t.Error("another account's role")
	}
}
