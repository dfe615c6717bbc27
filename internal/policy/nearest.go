package policy

import "strconv"

// Near is the statement that came closest to deciding a request otherwise.
type Near struct {
	// Source is the policy, Statement the statement's Sid, or its number as "#0".
	Source, Statement string
	// Unmet is what did not match: "condition dynamodb:LeadingKeys", "resource", or "tag TenantID" for a variable
	// without a value.
	Unmet string
}

// Nearest returns the Allow statement that came closest to allowing a request that was denied implicitly: the one whose
// elements matched the furthest, the first of several. The zero Near says that no statement is about the action. Resource
// policies are left out where foreign is true, since they are another account's.
func (x *Explanation) Nearest(foreign bool) Near {
	var best Near
	rank := 0
	for i := range x.Policies {
		p := &x.Policies[i]
		if foreign && p.Layer == ResourceLayer {
			continue
		}
		for j := range p.Statements {
			s := &p.Statements[j]
			if r := s.progress(); s.Effect == Allow && r > rank {
				rank, best = r, Near{Source: p.Source, Statement: s.name(), Unmet: s.unmet()}
			}
		}
	}
	return best
}

func (s *StatementExplanation) name() string {
	if s.Sid != "" {
		return s.Sid
	}
	return "#" + strconv.Itoa(s.Statement)
}

// progress is how far a statement that did not match got.
func (s *StatementExplanation) progress() int {
	switch {
	case s.Matched:
		return 0
	case s.Why == "condition":
		met := 0
		for i := range s.Conditions {
			if s.Conditions[i].Met {
				met++
			}
		}
		return 3 + met
	case s.Why == "resource":
		return 2
	}
	return 0
}

func (s *StatementExplanation) unmet() string {
	for i := range s.Conditions {
		if c := &s.Conditions[i]; !c.Met {
			return "condition " + c.Key
		}
	}
	return s.Why
}
