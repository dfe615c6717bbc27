package iam

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// simulatedType is the SourcePolicyType of identity policies. AWS's model lists other values and its service answers
// this one.
const simulatedType = api.PolicySourceType("IAM Policy")

// matched are the statements that made the decision: the denying ones of an explicit deny, the allowing ones of an allow,
// none of an implicit deny.
func (m *simulation) matched(x *policy.Explanation) []api.Statement {
	out := []api.Statement{}
	if !x.Decision.Allowed && x.Decision.Reason != policy.ExplicitDeny {
		return out
	}
	effect := policy.Deny
	if x.Decision.Allowed {
		effect = policy.Allow
	}
	for _, p := range x.Policies {
		var places []place
		for _, st := range p.Statements {
			if !st.Matched || st.Effect != effect {
				continue
			}
			if places == nil {
				places = statementPlaces(m.text(p.Layer, p.Source))
			}
			out = append(out, shownStatement(p.Layer, p.Source, st.Statement, places))
		}
	}
	return out
}

// text is the document of a policy of the simulation.
func (m *simulation) text(l policy.Layer, name string) []byte {
	var sources []policy.Source
	switch l {
	case policy.IdentityLayer:
		sources = m.policies.Identity.Sources()
	case policy.BoundaryLayer:
		sources = []policy.Source{*m.policies.Boundary}
	case policy.ResourceLayer:
		sources = []policy.Source{*m.policies.Resource}
	}
	for i := range sources {
		if sources[i].Name == name && sources[i].Policy != nil {
			return sources[i].Policy.JSON()
		}
	}
	return nil
}

func shownStatement(l policy.Layer, source string, number int, places []place) api.Statement {
	out := api.Statement{SourcePolicyId: opt.Present(sourceID(source)), SourcePolicyType: simulatedType}
	if l == policy.ResourceLayer {
		out.SourcePolicyType = api.PolicySourceTypeResource
	}
	if number < len(places) {
		out.StartPosition, out.EndPosition = places[number].start.shown(), places[number].end.shown()
	}
	return out
}

// sourceID names a policy as AWS's simulator does: a managed policy by its name, an inline policy as
// "user_alice_policy", a document of the request by its place.
func sourceID(source string) string {
	if a, ok := arn.Parse(source); ok {
		return a.Name()
	}
	if parts := strings.SplitN(source, "/", 4); len(parts) == 4 && parts[2] == "inline" {
		return parts[0] + "_" + parts[1] + "_" + parts[3]
	}
	return source
}

// position is a line and a column, both from 1.
type position struct{ line, column int32 }

func (p position) shown() *api.Position { return &api.Position{Line: &p.line, Column: &p.column} }

// place is where a statement stands in its document.
type place struct{ start, end position }

// statementPlaces finds the statements of a valid document.
func statementPlaces(text []byte) []place {
	var doc struct{ Statement json.RawMessage }
	if json.Unmarshal(text, &doc) != nil {
		return nil
	}
	at := strings.Index(string(text), string(doc.Statement))
	if at < 0 {
		return nil
	}
	if doc.Statement[0] != '[' {
		return []place{{positionAt(text, at), positionAt(text, at+len(doc.Statement))}}
	}
	var places []place
	dec := json.NewDecoder(strings.NewReader(string(doc.Statement)))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	for dec.More() {
		var one json.RawMessage
		if dec.Decode(&one) != nil {
			return nil
		}
		end := at + int(dec.InputOffset())
		places = append(places, place{positionAt(text, end-len(one)), positionAt(text, end)})
	}
	return places
}

func positionAt(text []byte, offset int) position {
	before := string(text[:offset])
	return position{int32(1 + strings.Count(before, "\n")), int32(offset - strings.LastIndexByte(before, '\n'))}
}

// missing are the condition keys that statements which apply otherwise ask for and the request does not give.
func missing(x *policy.Explanation) []string {
	out := []string{}
	add := func(key string) {
		if key != "" && !slices.ContainsFunc(out, func(k string) bool { return strings.EqualFold(k, key) }) {
			out = append(out, key)
		}
	}
	for _, p := range x.Policies {
		for _, st := range p.Statements {
			for _, v := range st.Resources {
				add(v.Unresolved)
			}
			for _, c := range st.Conditions {
				if c.Request == nil {
					add(c.Key)
				}
				for _, v := range c.Policy {
					add(v.Unresolved)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// setEntries sets the context keys that the request gives, each of its declared type.
func setEntries(k *policy.Context, entries []api.ContextEntry) error {
	for _, e := range entries {
		kind, isList := strings.CutSuffix(string(e.ContextKeyType), "List")
		if !isList && len(e.ContextKeyValues) > 1 {
			return invalidInput("Context key %s of type %s has more than one value", opt.Value(e.ContextKeyName), e.ContextKeyType)
		}
		for _, v := range e.ContextKeyValues {
			if !typed(kind, v) {
				return invalidInput("Value %q of context key %s is not of type %s", v, opt.Value(e.ContextKeyName), kind)
			}
		}
		if name := opt.Value(e.ContextKeyName); name != "" {
			k.Set(name, e.ContextKeyValues...)
		}
	}
	return nil
}

// typed reports whether a value reads as the type.
func typed(kind, v string) bool {
	var err error
	switch kind {
	case "numeric":
		_, err = strconv.ParseFloat(v, 64)
	case "boolean":
		return strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
	case "ip":
		if _, err = netip.ParseAddr(v); err != nil {
			_, err = netip.ParsePrefix(v)
		}
	case "binary":
		_, err = base64.StdEncoding.DecodeString(v)
	case "date":
		if _, err = time.Parse(time.RFC3339, v); err != nil {
			_, err = strconv.ParseInt(v, 10, 64)
		}
	}
	return err == nil
}
