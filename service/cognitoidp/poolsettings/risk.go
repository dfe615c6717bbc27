package poolsettings

import (
	"context"
	"net/netip"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// RiskSettings are a pool's or an app client's ("Advanced security with threat protection", Amazon Cognito Developer
// Guide), as far as this server can keep them: lists of addresses. It estimates no risk and knows no leaked passwords, so
// settings that call for either are refused.
type RiskSettings struct {
	Blocked, Skipped []string
	Modified         time.Time
}

// forPool stands for the client in the key of a pool's own settings.
const forPool = "-"

// RiskKey is where the threat protection of an app client is, or the pool's own for "".
func RiskKey(pool, client string) store.Key {
	if client == "" {
		client = forPool
	}
	return userpool.InPool(pool, "risk", client)
}

func (r *RiskSettings) describe(pool string, client *string) *api.RiskConfigurationType {
	out := &api.RiskConfigurationType{UserPoolId: new(pool), ClientId: client}
	if r != nil {
		out.LastModifiedDate = new(r.Modified)
		out.RiskExceptionConfiguration = &api.RiskExceptionConfigurationType{BlockedIPRangeList: r.Blocked, SkippedIPRangeList: r.Skipped}
	}
	return out
}

// setProtection reads UserPoolAddOns.
func setProtection(s *userpool.Settings, in *api.UserPoolAddOnsType) error {
	if in == nil {
		return nil
	}
	if more := in.AdvancedSecurityAdditionalFlows; more != nil && more.CustomAuthMode != "" {
		return refusal.NotServed("AdvancedSecurityAdditionalFlows")
	}
	s.Protection = in.AdvancedSecurityMode
	return nil
}

// Protected opens a pool whose threat protection is on.
func (s *Administrator) Protected(ctx context.Context, call *pipeline.Call, id *string) (*Request, error) {
	c, err := s.in(ctx, call, id)
	if err != nil {
		return nil, err
	}
	if records, _ := c.Pool.Settings.Protects(); !records {
		return nil, api.NewUserPoolAddOnNotEnabledException("User pool add-on AdvancedSecurityMode is not enabled.")
	}
	return c, nil
}

// SetRiskConfiguration implements api.Service.
func (s *Administrator) SetRiskConfiguration(ctx context.Context, call *pipeline.Call, in *api.SetRiskConfigurationInput) (*api.SetRiskConfigurationOutput, error) {
	c, err := s.Protected(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := c.riskClient(in.ClientId); err != nil {
		return nil, err
	}
	if err := checkActions(in); err != nil {
		return nil, err
	}
	r := &RiskSettings{Modified: call.Now}
	if e := in.RiskExceptionConfiguration; e != nil {
		r.Blocked, r.Skipped = e.BlockedIPRangeList, e.SkippedIPRangeList
	}
	for _, list := range [][]string{r.Blocked, r.Skipped} {
		for _, text := range list {
			if _, err := netip.ParsePrefix(text); err != nil {
				return nil, refusal.Invalid("%s is not an IP range in CIDR notation.", text)
			}
		}
	}
	err = c.Update(func(rec *store.Records) error { return store.Save(rec, RiskKey(c.Pool.ID, opt.Value(in.ClientId)), r) })
	if err != nil {
		return nil, err
	}
	return &api.SetRiskConfigurationOutput{RiskConfiguration: r.describe(c.Pool.ID, in.ClientId)}, nil
}

func (c *Request) riskClient(id *string) error {
	if id == nil {
		return nil
	}
	_, err := c.Client(*id)
	return err
}

// checkActions refuses what would need an estimate of risk or a list of leaked passwords.
func checkActions(in *api.SetRiskConfigurationInput) error {
	if c := in.CompromisedCredentialsRiskConfiguration; c != nil && c.Actions != nil && c.Actions.EventAction != api.CompromisedCredentialsEventActionTypeNoAction {
		return refusal.NotServed("CompromisedCredentialsRiskConfiguration with an action")
	}
	a := in.AccountTakeoverRiskConfiguration
	if a == nil {
		return nil
	}
	if a.NotifyConfiguration != nil {
		return refusal.NotServed("NotifyConfiguration")
	}
	if a.Actions == nil {
		return nil
	}
	for _, action := range []*api.AccountTakeoverActionType{a.Actions.LowAction, a.Actions.MediumAction, a.Actions.HighAction} {
		if action != nil && (action.EventAction != api.AccountTakeoverEventActionTypeNoAction || opt.Value(action.Notify)) {
			return refusal.NotServed("AccountTakeoverRiskConfiguration with an action")
		}
	}
	return nil
}

// DescribeRiskConfiguration implements api.Service.
func (s *Administrator) DescribeRiskConfiguration(ctx context.Context, call *pipeline.Call, in *api.DescribeRiskConfigurationInput) (*api.DescribeRiskConfigurationOutput, error) {
	c, err := s.Protected(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := c.riskClient(in.ClientId); err != nil {
		return nil, err
	}
	r, err := userpool.Read(c, func(rec *store.Records) (*RiskSettings, error) {
		return store.Load[RiskSettings](rec, RiskKey(c.Pool.ID, opt.Value(in.ClientId)))
	})
	if err != nil {
		return nil, err
	}
	return &api.DescribeRiskConfigurationOutput{RiskConfiguration: r.describe(c.Pool.ID, in.ClientId)}, nil
}

// SetLogDeliveryConfiguration implements api.Service. Deliveries go to services of AWS that this server does not have, so
// none but the empty list can be kept.
func (s *Administrator) SetLogDeliveryConfiguration(ctx context.Context, call *pipeline.Call, in *api.SetLogDeliveryConfigurationInput) (*api.SetLogDeliveryConfigurationOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if len(in.LogConfigurations) > 0 {
		return nil, refusal.NotServed("Log delivery to CloudWatch, S3 or Firehose")
	}
	return &api.SetLogDeliveryConfigurationOutput{LogDeliveryConfiguration: c.noDelivery()}, nil
}

// GetLogDeliveryConfiguration implements api.Service.
func (s *Administrator) GetLogDeliveryConfiguration(ctx context.Context, call *pipeline.Call, in *api.GetLogDeliveryConfigurationInput) (*api.GetLogDeliveryConfigurationOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &api.GetLogDeliveryConfigurationOutput{LogDeliveryConfiguration: c.noDelivery()}, nil
}

func (c *Request) noDelivery() *api.LogDeliveryConfigurationType {
	return &api.LogDeliveryConfigurationType{UserPoolId: new(c.Pool.ID), LogConfigurations: []api.LogConfigurationType{}}
}
