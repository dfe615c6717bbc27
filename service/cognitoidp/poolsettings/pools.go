package poolsettings

import (
	"context"
	"errors"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// servedFirstFactors are what a sign-in can begin with here.
var servedFirstFactors = []api.AuthFactorType{
	api.AuthFactorTypePassword, api.AuthFactorTypeEmailOtp, api.AuthFactorTypeWebAuthn, api.AuthFactorTypeSmsOtp,
}

// setSignIn reads the factors that a sign-in may begin with.
func setSignIn(s *userpool.Settings, in *api.UserPoolPolicyType) error {
	if in == nil || in.SignInPolicy == nil || len(in.SignInPolicy.AllowedFirstAuthFactors) == 0 {
		return nil
	}
	given := in.SignInPolicy.AllowedFirstAuthFactors
	for i, f := range given {
		if slices.Contains(given[:i], f) {
			return refusal.Invalid("AllowedFirstAuthFactors has %s twice.", f)
		}
		if !slices.Contains(servedFirstFactors, f) {
			return refusal.NotServed("The first factor " + string(f))
		}
	}
	if !slices.Contains(given, api.AuthFactorTypePassword) {
		return refusal.Invalid("AllowedFirstAuthFactors must contain PASSWORD.")
	}
	if s.Tier == api.UserPoolTierTypeLite {
		return api.NewFeatureUnavailableInTierException("A sign-in policy is not available in the LITE tier.")
	}
	s.FirstFactors = userpool.Texts(given)
	return nil
}

// checkTier refuses flows that the pool's tier does not have.
func checkTier(p *userpool.Pool, flows []string) error {
	if p.Settings.Tier == api.UserPoolTierTypeLite && slices.Contains(flows, "ALLOW_USER_AUTH") {
		return api.NewFeatureUnavailableInTierException("ALLOW_USER_AUTH is not available in the LITE tier.")
	}
	return nil
}

func describeSignIn(s *userpool.Settings) *api.SignInPolicyType {
	if len(s.FirstFactors) == 0 {
		return nil
	}
	return &api.SignInPolicyType{AllowedFirstAuthFactors: userpool.Enums[api.AuthFactorType](s.FirstFactors)}
}

// defaultUnusedDays is AdminCreateUserConfigType's UnusedAccountValidityDays.
const defaultUnusedDays = 7

// CreateUserPool implements api.Service.
func (s *Administrator) CreateUserPool(ctx context.Context, call *pipeline.Call, in *api.CreateUserPoolInput) (*api.CreateUserPoolOutput, error) {
	p, err := newPool(call, in)
	if err != nil {
		return nil, err
	}
	if p.Settings.Sender, err = s.courier.NewSenderKey(ctx, call, p, p.Settings.Lambda); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		if _, taken, err := dir.Get(store.K("pool", p.ID)); err != nil || taken {
			return errors.Join(err, errors.New("cognitoidp: the id of a new pool is taken"))
		}
		if err := store.Save(dir, store.K("pool", p.ID), &userpool.Place{Account: p.Account, Region: p.Region, Pool: p.ID}); err != nil {
			return err
		}
		// nothing is cached of a pool that was not there
		return store.Save(rec, userpool.PoolKey(p.ID), p)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateUserPoolOutput{UserPool: describePool(p, 0)}, nil
}

func newPool(call *pipeline.Call, in *api.CreateUserPoolInput) (*userpool.Pool, error) {
	p := &userpool.Pool{
		ID: call.Region + "_" + random.Text(random.Alphanumeric, 9), Name: opt.Value(in.PoolName), Account: call.Account, Region: call.Region,
		Created: call.Now, Modified: call.Now, Tags: in.UserPoolTags, CaseSensitive: true,
		AutoVerified: userpool.Texts(in.AutoVerifiedAttributes), Aliases: userpool.Texts(in.AliasAttributes), UsernameAttributes: userpool.Texts(in.UsernameAttributes),
	}
	if in.UsernameConfiguration != nil {
		p.HasUsernameConfig, p.CaseSensitive = true, opt.Value(in.UsernameConfiguration.CaseSensitive)
	}
	if len(p.Aliases) > 0 && len(p.UsernameAttributes) > 0 {
		return nil, refusal.Invalid("Only one of aliasAttributes or usernameAttributes can be set in a user pool.")
	}
	var err error
	if p.Schema, err = userpool.ExtendSchema(userpool.StandardAttributes(), in.Schema, false); err != nil {
		return nil, err
	}
	if err := userpool.CheckTags(p.Tags, p.Schema); err != nil {
		return nil, err
	}
	p.Settings, err = newSettings(&api.UpdateUserPoolInput{
		AutoVerifiedAttributes: in.AutoVerifiedAttributes, UserAttributeUpdateSettings: in.UserAttributeUpdateSettings,
		UserPoolAddOns:         in.UserPoolAddOns,
		AccountRecoverySetting: in.AccountRecoverySetting, AdminCreateUserConfig: in.AdminCreateUserConfig,
		LambdaConfig: in.LambdaConfig, DeletionProtection: in.DeletionProtection, EmailConfiguration: in.EmailConfiguration,
		EmailVerificationMessage: in.EmailVerificationMessage, EmailVerificationSubject: in.EmailVerificationSubject,
		Policies: in.Policies, SmsConfiguration: in.SmsConfiguration, SmsVerificationMessage: in.SmsVerificationMessage,
		UserPoolTier: in.UserPoolTier, VerificationMessageTemplate: in.VerificationMessageTemplate, DeviceConfiguration: in.DeviceConfiguration,
		SmsAuthenticationMessage: in.SmsAuthenticationMessage,
	})
	if err == nil {
		err = changeMode(p, in.MfaConfiguration)
	}
	return p, err
}

func newSettings(in *api.UpdateUserPoolInput) (userpool.Settings, error) {
	if in.SmsAuthenticationMessage != nil {
		return userpool.Settings{}, refusal.NotServed("SmsAuthenticationMessage of a user pool (SetUserPoolMfaConfig sets it)")
	}
	policy, err := userpool.NewPasswordPolicy(in.Policies)
	set := userpool.Settings{
		Password: policy, DeletionProtection: in.DeletionProtection == api.DeletionProtectionTypeActive,
		UnusedDays: defaultUnusedDays, EmailMessage: in.EmailVerificationMessage, EmailSubject: in.EmailVerificationSubject,
		SMSMessage: in.SmsVerificationMessage, Template: in.VerificationMessageTemplate, Email: in.EmailConfiguration,
		SMS: in.SmsConfiguration, Recovery: in.AccountRecoverySetting, Tier: in.UserPoolTier, Devices: in.DeviceConfiguration,
	}
	if set.Tier == "" {
		set.Tier = api.UserPoolTierTypeEssentials
	}
	if err == nil {
		set.Lambda, err = trigger.NewConfig(in.LambdaConfig, set.Tier)
	}
	if a := in.AdminCreateUserConfig; a != nil {
		set.AdminOnly, set.Invite = opt.Value(a.AllowAdminCreateUserOnly), a.InviteMessageTemplate
		if days := opt.Value(a.UnusedAccountValidityDays); days > 0 {
			set.UnusedDays = days
			if in.Policies == nil || in.Policies.PasswordPolicy == nil || in.Policies.PasswordPolicy.TemporaryPasswordValidityDays == nil {
				set.Password.TemporaryDays = days
			}
		}
	}
	if err == nil {
		err = setSignIn(&set, in.Policies)
	}
	if err == nil {
		err = setVerifyFirst(&set, in)
	}
	if err == nil {
		err = setProtection(&set, in.UserPoolAddOns)
	}
	if err == nil {
		err = checkRecovery(in.AccountRecoverySetting)
	}
	return set, err
}

func describePool(p *userpool.Pool, users int32) *api.UserPoolType {
	set := &p.Settings
	out := &api.UserPoolType{
		Id: new(p.ID), Name: new(p.Name), Arn: new(p.ARN()), CreationDate: new(p.Created), LastModifiedDate: new(p.Modified),
		AccountRecoverySetting: set.Recovery, AliasAttributes: userpool.Enums[api.AliasAttributeType](p.Aliases),
		AutoVerifiedAttributes: userpool.Enums[api.VerifiedAttributeType](p.AutoVerified),
		UsernameAttributes:     userpool.Enums[api.UsernameAttributeType](p.UsernameAttributes),
		AdminCreateUserConfig: &api.AdminCreateUserConfigType{
			AllowAdminCreateUserOnly: new(set.AdminOnly), InviteMessageTemplate: set.Invite, UnusedAccountValidityDays: new(set.UnusedDays),
		},
		DeletionProtection: api.DeletionProtectionTypeInactive, EmailConfiguration: set.Email, SmsConfiguration: set.SMS,
		EmailVerificationMessage: set.EmailMessage, EmailVerificationSubject: set.EmailSubject, SmsVerificationMessage: set.SMSMessage,
		EstimatedNumberOfUsers: new(users), MfaConfiguration: p.MFA.Effective(),
		Policies:            &api.UserPoolPolicyType{PasswordPolicy: describePasswordPolicy(set.Password), SignInPolicy: describeSignIn(set)},
		DeviceConfiguration: set.Devices, LambdaConfig: trigger.Describe(p), UserPoolTags: p.Tags, UserPoolTier: set.Tier, VerificationMessageTemplate: set.Template,
	}
	if out.EmailConfiguration == nil {
		out.EmailConfiguration = &api.EmailConfigurationType{EmailSendingAccount: "COGNITO_DEFAULT"}
	}
	if out.VerificationMessageTemplate == nil {
		out.VerificationMessageTemplate = &api.VerificationMessageTemplateType{DefaultEmailOption: api.DefaultEmailOptionTypeConfirmWithCode}
	}
	if set.Protection != "" {
		out.UserPoolAddOns = &api.UserPoolAddOnsType{AdvancedSecurityMode: set.Protection}
	}
	if len(set.VerifyFirst) > 0 {
		out.UserAttributeUpdateSettings = &api.UserAttributeUpdateSettingsType{
			AttributesRequireVerificationBeforeUpdate: userpool.Enums[api.VerifiedAttributeType](set.VerifyFirst),
		}
	}
	for i := range p.Domains {
		if p.Domains[i].Custom() {
			out.CustomDomain = &p.Domains[i].Name
		} else {
			out.Domain = &p.Domains[i].Name
		}
	}
	if set.DeletionProtection {
		out.DeletionProtection = api.DeletionProtectionTypeActive
	}
	if p.HasUsernameConfig {
		out.UsernameConfiguration = &api.UsernameConfigurationType{CaseSensitive: new(p.CaseSensitive)}
	}
	for i := range p.Schema {
		out.SchemaAttributes = append(out.SchemaAttributes, p.Schema[i].Describe())
	}
	return out
}

func describePasswordPolicy(p userpool.PasswordPolicy) *api.PasswordPolicyType {
	return &api.PasswordPolicyType{
		MinimumLength: new(p.MinimumLength), RequireUppercase: new(p.Upper), RequireLowercase: new(p.Lower),
		RequireNumbers: new(p.Numbers), RequireSymbols: new(p.Symbols), TemporaryPasswordValidityDays: new(p.TemporaryDays),
		PasswordHistorySize: opt.Present(p.History),
	}
}

// maxCounted bounds the count of users that a description tells: it is an estimate.
const maxCounted = 100_000

// DescribeUserPool implements api.Service.
func (s *Administrator) DescribeUserPool(ctx context.Context, call *pipeline.Call, in *api.DescribeUserPoolInput) (*api.DescribeUserPoolOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var n int32
	err = c.View(func(rec *store.Records) error {
		n = 0
		return rec.Scan(userpool.InPool(c.Pool.ID, "user"), nil, func(store.Key, []byte) bool {
			n++
			return n < maxCounted
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.DescribeUserPoolOutput{UserPool: describePool(c.Pool, n)}, nil
}

// ChangePool loads the pool anew, lets fn change it and saves it.
func (c *Request) ChangePool(fn func(*userpool.Pool) error) error {
	return c.Update(func(rec *store.Records) error {
		p, err := store.Load[userpool.Pool](rec, userpool.PoolKey(c.Pool.ID))
		if err != nil {
			return err
		}
		if p == nil {
			return refusal.PoolNotFound(c.Pool.ID)
		}
		if err := fn(p); err != nil {
			return err
		}
		p.Modified = c.Call.Now
		rec.ChangedIn(p.ID)
		return store.Save(rec, userpool.PoolKey(p.ID), p)
	})
}

// UpdateUserPool implements api.Service. As with AWS, settings that are not named fall back to their defaults.
func (s *Administrator) UpdateUserPool(ctx context.Context, call *pipeline.Call, in *api.UpdateUserPoolInput) (*api.UpdateUserPoolOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	set, err := newSettings(in)
	if err != nil {
		return nil, err
	}
	if set.Sender, err = s.courier.NewSenderKey(ctx, call, c.Pool, set.Lambda); err != nil {
		return nil, err
	}
	err = c.ChangePool(func(p *userpool.Pool) error {
		if in.DeletionProtection == "" {
			set.DeletionProtection = p.Settings.DeletionProtection
		}
		if set.SMS == nil && p.MFA.SMS != nil {
			set.SMS = p.Settings.SMS // the second factor is sent by it
		}
		p.Settings, p.AutoVerified = set, userpool.Texts(in.AutoVerifiedAttributes)
		if in.PoolName != nil {
			p.Name = *in.PoolName
		}
		// Tags that guard attributes outlive an update that does not name tags.
		if in.UserPoolTags != nil {
			p.Tags = in.UserPoolTags
		}
		if err := changeMode(p, in.MfaConfiguration); err != nil {
			return err
		}
		return errors.Join(checkMFA(p, &p.MFA), userpool.CheckTags(p.Tags, p.Schema))
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateUserPoolOutput{}, nil
}

// AddCustomAttributes implements api.Service.
func (s *Administrator) AddCustomAttributes(ctx context.Context, call *pipeline.Call, in *api.AddCustomAttributesInput) (*api.AddCustomAttributesOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.ChangePool(func(p *userpool.Pool) (err error) {
		p.Schema, err = userpool.ExtendSchema(p.Schema, in.CustomAttributes, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.AddCustomAttributesOutput{}, nil
}

// ListUserPools implements api.Service.
func (s *Administrator) ListUserPools(ctx context.Context, call *pipeline.Call, in *api.ListUserPoolsInput) (*api.ListUserPoolsOutput, error) {
	page, err := s.Page(call.Account, call.Region, "ListUserPools", nil, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	var found []*userpool.Pool
	err = s.DB.View(ctx, call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		found, err = paging.Records[userpool.Pool](page, rec, store.K("pool"), nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolsOutput{UserPools: []api.UserPoolDescriptionType{}}
	for _, p := range found {
		out.UserPools = append(out.UserPools, api.UserPoolDescriptionType{
			Id: new(p.ID), Name: new(p.Name), CreationDate: new(p.Created), LastModifiedDate: new(p.Modified), LambdaConfig: trigger.Describe(p),
		})
	}
	out.NextToken, err = page.Token()
	return out, err
}

// DeleteUserPool implements api.Service. The pool, its keys and clients are gone at once; what is in it follows in pieces,
// and a later deletion finishes what a crash left.
func (s *Administrator) DeleteUserPool(ctx context.Context, call *pipeline.Call, in *api.DeleteUserPoolInput) (*api.DeleteUserPoolOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return deletePool(rec, dir, c.Pool.ID)
	})
	if err != nil {
		return nil, err
	}
	if err := c.sweepGone(); err != nil {
		return nil, err
	}
	return &api.DeleteUserPoolOutput{}, nil
}

func deletePool(rec, dir *store.Records, id string) error {
	p, err := store.Load[userpool.Pool](rec, userpool.PoolKey(id))
	if err != nil {
		return err
	}
	if p == nil {
		return refusal.PoolNotFound(id)
	}
	if len(p.Domains) > 0 {
		return refusal.Invalid("User pool cannot be deleted. It has a domain configured that should be deleted first.")
	}
	if p.Settings.DeletionProtection {
		return refusal.Invalid("The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
	}
	if err := store.Save(rec, userpool.GoneKey(id), &userpool.Ref{}); err != nil {
		return err
	}
	rec.ChangedIn(id)
	return errors.Join(rec.Delete(userpool.PoolKey(id)), dir.Delete(store.K("pool", id)))
}

// sweepSteps is how many records one transaction of a deletion takes away.
const sweepSteps = 500

// sweepGone takes away what is left of deleted pools.
func (c *Request) sweepGone() error {
	for {
		more := false
		err := c.DB.Update(c.Ctx, c.Call.Grant, func(tx *store.Tx) (err error) {
			more, err = sweepStep(tx)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

func sweepStep(tx *store.Tx) (more bool, err error) {
	rec, err := tx.Home()
	if err != nil {
		return false, err
	}
	dir, err := tx.Directory()
	if err != nil {
		return false, err
	}
	id := ""
	err = rec.Scan(store.K("gone"), nil, func(k store.Key, _ []byte) bool {
		id = k.Parts()[1]
		return false
	})
	if err != nil || id == "" {
		return false, err
	}
	var keys []store.Key
	err = rec.Scan(userpool.InPool(id), nil, func(k store.Key, _ []byte) bool {
		keys = append(keys, slices.Clone(k))
		return len(keys) < sweepSteps
	})
	if len(keys) == 0 && err == nil {
		return true, rec.Delete(userpool.GoneKey(id))
	}
	for _, k := range keys {
		if parts := k.Parts(); len(parts) == 4 && parts[2] == "client" {
			err = errors.Join(err, dir.Delete(store.K("client", parts[3])))
		}
		err = errors.Join(err, rec.Delete(k))
	}
	return true, err
}
