package cognitoidp

import (
	"context"
	"net/netip"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

func protectedBy(mode api.AdvancedSecurityModeType) func(*api.CreateUserPoolInput) {
	return func(in *api.CreateUserPoolInput) {
		in.UserPoolAddOns = &api.UserPoolAddOnsType{AdvancedSecurityMode: mode}
	}
}

func (w *world) setRisk(change func(*api.SetRiskConfigurationInput)) error {
	in := &api.SetRiskConfigurationInput{UserPoolId: &w.pool}
	change(in)
	_, err := do(w, w.r.SetRiskConfiguration, w.s.SetRiskConfiguration, in)
	return err
}

func (w *world) block(client *string, ranges ...string) error {
	return w.setRisk(func(in *api.SetRiskConfigurationInput) {
		in.ClientId, in.RiskExceptionConfiguration = client, &api.RiskExceptionConfigurationType{BlockedIPRangeList: ranges}
	})
}

// from signs in from an address: what the client says of itself beside it.
func (w *world) from(ip, says string) error {
	in := &api.InitiateAuthInput{
		ClientId: &w.app, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: map[string]string{"USERNAME": "ana", "PASSWORD": password},
		UserContextData: &api.UserContextDataType{IpAddress: &says},
	}
	_, err := do(w, w.r.InitiateAuth, func(ctx context.Context, call *pipeline.Call, in *api.InitiateAuthInput) (*api.InitiateAuthOutput, error) {
		call.SourceIP, call.UserAgent, call.Caller = netip.MustParseAddr(ip), "Browser", &authn.Principal{}
		return w.s.InitiateAuth(ctx, call, in)
	}, in)
	return err
}

func TestBlockedAddresses(t *testing.T) {
	t.Parallel()
	const refused, blockedText = "NotAuthorizedException", "Unable to login because of security reasons."
	w := newWorld(t, protectedBy("ENFORCED"))
	w.member("ana")
	if err := w.from("192.0.2.7", ""); err != nil {
		t.Fatal(err)
	}
	if err := w.block(nil, "192.0.2.0/24", "2001:db8::/32"); err != nil {
		t.Fatal(err)
	}
	want(t, "blocked", w.from("192.0.2.7", ""), refused, blockedText)
	want(t, "blocked, and says another", w.from("192.0.2.7", "198.51.100.1"), refused, blockedText)
	want(t, "blocked, IPv6", w.from("2001:db8::1", ""), refused, blockedText)
	if err := w.from("198.51.100.1", "192.0.2.7"); err != nil {
		t.Errorf("who is elsewhere, and says a blocked address: %v", err)
	}
	if err := w.block(&w.app, "198.51.100.0/24"); err != nil {
		t.Fatal(err)
	}
	want(t, "by the client's list", w.from("198.51.100.1", ""), refused, blockedText)
	if err := w.from("192.0.2.7", ""); err != nil {
		t.Errorf("the client's list takes the place of the pool's: %v", err)
	}
	audit := newWorld(t, protectedBy("AUDIT"))
	audit.member("ana")
	if err := audit.block(nil, "192.0.2.0/24"); err != nil {
		t.Fatal(err)
	}
	if err := audit.from("192.0.2.7", ""); err != nil {
		t.Errorf("a pool that only looks: %v", err)
	}
}

func TestRiskSettings(t *testing.T) {
	t.Parallel()
	off := newWorld(t)
	want(t, "off", off.block(nil), "UserPoolAddOnNotEnabledException", "")
	w := newWorld(t, protectedBy("ENFORCED"))
	want(t, "no range", w.block(nil, "192.0.2.7"), "InvalidParameterException", "")
	want(t, "no client", w.block(new("nosuch")), "ResourceNotFoundException", "")
	for name, change := range map[string]func(*api.SetRiskConfigurationInput){
		"leaked passwords": func(in *api.SetRiskConfigurationInput) {
			in.CompromisedCredentialsRiskConfiguration = &api.CompromisedCredentialsRiskConfigurationType{Actions: &api.CompromisedCredentialsActionsType{EventAction: "BLOCK"}}
		},
		"risk": func(in *api.SetRiskConfigurationInput) {
			in.AccountTakeoverRiskConfiguration = &api.AccountTakeoverRiskConfigurationType{Actions: &api.AccountTakeoverActionsType{
				HighAction: &api.AccountTakeoverActionType{EventAction: "BLOCK", Notify: new(false)},
			}}
		},
	} {
		want(t, name, w.setRisk(change), "Unsupported", "")
	}
	if err := w.block(nil, "192.0.2.0/24"); err != nil {
		t.Fatal(err)
	}
	d := must(do(w, w.r.DescribeRiskConfiguration, w.s.DescribeRiskConfiguration, &api.DescribeRiskConfigurationInput{UserPoolId: &w.pool}))(t).RiskConfiguration
	if len(d.RiskExceptionConfiguration.BlockedIPRangeList) != 1 {
		t.Errorf("%+v", d)
	}
	_, err := do(w, w.r.SetLogDeliveryConfiguration, w.s.SetLogDeliveryConfiguration, &api.SetLogDeliveryConfigurationInput{
		UserPoolId: &w.pool, LogConfigurations: []api.LogConfigurationType{{LogLevel: "ERROR", EventSource: "userNotification"}},
	})
	want(t, "log delivery", err, "Unsupported", "")
}

func TestAuthEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protectedBy("AUDIT"))
	w.member("ana")
	events := func() []api.AuthEventType {
		return must(do(w, w.r.AdminListUserAuthEvents, w.s.AdminListUserAuthEvents, &api.AdminListUserAuthEventsInput{UserPoolId: &w.pool, Username: new("ana")}))(t).AuthEvents
	}
	if err := w.from("192.0.2.7", ""); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	_, err := w.signIn(w.app, "ana", otherWord)
	want(t, "wrong", err, "NotAuthorizedException", "")
	_, err = w.signIn(w.quiet, "nobody", otherWord)
	want(t, "nobody", err, "NotAuthorizedException", "")
	got := events()
	if len(got) != 2 || got[0].EventResponse != "Fail" || got[1].EventResponse != "Pass" || *got[1].EventContextData.IpAddress != "192.0.2.7" || *got[1].EventContextData.DeviceName != "Browser" {
		t.Fatalf("%+v", got)
	}
	if n := w.count("auth-event"); n != 2 {
		t.Errorf("%d events are kept", n)
	}
	feedback := func(id string) error {
		_, err := do(w, w.r.AdminUpdateAuthEventFeedback, w.s.AdminUpdateAuthEventFeedback, &api.AdminUpdateAuthEventFeedbackInput{
			UserPoolId: &w.pool, Username: new("ana"), EventId: &id, FeedbackValue: "Invalid",
		})
		return err
	}
	if err := feedback(*got[0].EventId); err != nil {
		t.Fatal(err)
	}
	want(t, "no event", feedback("nosuch"), "ResourceNotFoundException", "")
	if f := events()[0].EventFeedback; f == nil || f.FeedbackValue != "Invalid" {
		t.Errorf("%+v", f)
	}
	for range maxAuthEvents + 5 {
		w.now = w.now.Add(time.Hour)
		_, err := w.signIn(w.app, "ana", otherWord)
		want(t, "wrong", err, "NotAuthorizedException", "")
	}
	if n := w.count("auth-event"); n != maxAuthEvents {
		t.Errorf("%d events are kept", n)
	}
	must(do(w, w.r.AdminDeleteUser, w.s.AdminDeleteUser, &api.AdminDeleteUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	if n := w.count("auth-event"); n != 0 {
		t.Errorf("%d events of a deleted user are left", n)
	}
}
