package pipeline

import (
	"testing"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authn"
)

// The owner of another account's resource sees what was done with it, and of the caller its account and id only.
func TestSharedEvents(t *testing.T) {
	t.Parallel()
	const caller, owner = "111111111111", "222222222222"
	e := &audit.Event{
		ID: audit.NewID(), Account: caller, Name: "Decrypt", Tags: authn.Tags{{Key: "TenantID", Value: "acme"}},
		Params:    []audit.Param{{Name: "session", Value: "s"}},
		Identity:  audit.Identity{Type: "AssumedRole", Account: caller, PrincipalID: "AROA:s", ARN: "arn", AccessKeyID: "ASIA", UserName: "u"},
		Decision:  audit.Decision{Effect: "Allow", Policy: "role/private/inline/p", Statement: "Mine"},
		Resources: []audit.Resource{{ARN: "mine", Account: caller}, {ARN: "theirs", Account: owner}},
	}
	if share(e); e.SharedID.IsZero() {
		t.Fatal("not shared")
	}
	o := sharedWith(e)
	if o == nil || o.Account != owner || o.SharedID != e.SharedID || o.ID == e.ID || o.Name != e.Name {
		t.Fatalf("%+v", o)
	}
	if want := (audit.Identity{Type: "AWSAccount", PrincipalID: "AROA:s", Account: caller}); o.Identity != want {
		t.Errorf("identity %+v", o.Identity)
	}
	if o.Tags != nil || o.Params != nil || o.Decision.Policy != "" || o.Decision.Statement != "" {
		t.Errorf("shows what is the caller's: %+v", o)
	}
	if len(o.Resources) != 1 || o.Resources[0].ARN != "theirs" {
		t.Errorf("resources %+v", o.Resources)
	}
	own := &audit.Event{Account: caller, Identity: audit.Identity{Account: caller}, Resources: []audit.Resource{{ARN: "mine", Account: caller}}}
	if share(own); !own.SharedID.IsZero() || sharedWith(own) != nil {
		t.Error("an event of one account is shared")
	}
}
