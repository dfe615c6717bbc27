package cognitoidp

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// defaultUnusedDays is AdminCreateUserConfigType's UnusedAccountValidityDays.
const defaultUnusedDays = 7

// poolARN names a pool.
func poolARN(account, region, id string) string {
	return arn.ARN{Partition: arn.Partition, Service: serviceName, Region: region, Account: account, Resource: "userpool/" + id}.String()
}

func (p *pool) arn() string { return poolARN(p.Account, p.Region, p.ID) }

// CreateUserPool implements api.Service.
func (s *Service) CreateUserPool(ctx context.Context, call *pipeline.Call, in *api.CreateUserPoolInput) (*api.CreateUserPoolOutput, error) {
	p, err := newPool(call, in)
	if err != nil {
		return nil, err
	}
	if p.Settings.Sender, err = s.newSenderKey(ctx, call, p, p.Settings.Lambda); err != nil {
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
		if err := store.Save(dir, store.K("pool", p.ID), &place{p.Account, p.Region, p.ID}); err != nil {
			return err
		}
		// nothing is cached of a pool that was not there
		return store.Save(rec, poolKey(p.ID), p)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateUserPoolOutput{UserPool: p.describe(0)}, nil
}

func newPool(call *pipeline.Call, in *api.CreateUserPoolInput) (*pool, error) {
	p := &pool{
		ID: call.Region + "_" + random.Text(random.Alphanumeric, 9), Name: opt.Value(in.PoolName), Account: call.Account, Region: call.Region,
		Created: call.Now, Modified: call.Now, Tags: in.UserPoolTags, CaseSensitive: true,
		AutoVerified: texts(in.AutoVerifiedAttributes), Aliases: texts(in.AliasAttributes), UsernameAttributes: texts(in.UsernameAttributes),
	}
	if in.UsernameConfiguration != nil {
		p.HasUsernameConfig, p.CaseSensitive = true, opt.Value(in.UsernameConfiguration.CaseSensitive)
	}
	if len(p.Aliases) > 0 && len(p.UsernameAttributes) > 0 {
		return nil, refusal.Invalid("Only one of aliasAttributes or usernameAttributes can be set in a user pool.")
	}
	var err error
	if p.Schema, err = extendSchema(standardAttributes(), in.Schema, false); err != nil {
		return nil, err
	}
	if err := checkTags(p.Tags, p.Schema); err != nil {
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
		err = p.changeMode(in.MfaConfiguration)
	}
	return p, err
}

// texts makes strings of a list of enum values.
func texts[E ~string](in []E) []string {
	var out []string
	for _, v := range in {
		out = append(out, string(v))
	}
	return out
}

func enums[E ~string](in []string) []E {
	var out []E
	for _, v := range in {
		out = append(out, E(v))
	}
	return out
}

func newSettings(in *api.UpdateUserPoolInput) (settings, error) {
	if in.SmsAuthenticationMessage != nil {
		return settings{}, refusal.NotServed("SmsAuthenticationMessage of a user pool (SetUserPoolMfaConfig sets it)")
	}
	policy, err := newPolicy(in.Policies)
	set := settings{
		Password: policy, DeletionProtection: in.DeletionProtection == api.DeletionProtectionTypeActive,
		UnusedDays: defaultUnusedDays, EmailMessage: in.EmailVerificationMessage, EmailSubject: in.EmailVerificationSubject,
		SMSMessage: in.SmsVerificationMessage, Template: in.VerificationMessageTemplate, Email: in.EmailConfiguration,
		SMS: in.SmsConfiguration, Recovery: in.AccountRecoverySetting, Tier: in.UserPoolTier, Devices: in.DeviceConfiguration,
	}
	if set.Tier == "" {
		set.Tier = api.UserPoolTierTypeEssentials
	}
	if err == nil {
		set.Lambda, err = newLambdaConfig(in.LambdaConfig, set.Tier)
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
		err = set.setSignIn(in.Policies)
	}
	if err == nil {
		err = set.verifyFirst(in)
	}
	if err == nil {
		err = set.setProtection(in.UserPoolAddOns)
	}
	if err == nil {
		err = checkRecovery(in.AccountRecoverySetting)
	}
	return set, err
}

func (p *pool) describe(users int32) *api.UserPoolType {
	set := &p.Settings
	out := &api.UserPoolType{
		Id: new(p.ID), Name: new(p.Name), Arn: new(p.arn()), CreationDate: new(p.Created), LastModifiedDate: new(p.Modified),
		AccountRecoverySetting: set.Recovery, AliasAttributes: enums[api.AliasAttributeType](p.Aliases),
		AutoVerifiedAttributes: enums[api.VerifiedAttributeType](p.AutoVerified),
		UsernameAttributes:     enums[api.UsernameAttributeType](p.UsernameAttributes),
		AdminCreateUserConfig: &api.AdminCreateUserConfigType{
			AllowAdminCreateUserOnly: new(set.AdminOnly), InviteMessageTemplate: set.Invite, UnusedAccountValidityDays: new(set.UnusedDays),
		},
		DeletionProtection: api.DeletionProtectionTypeInactive, EmailConfiguration: set.Email, SmsConfiguration: set.SMS,
		EmailVerificationMessage: set.EmailMessage, EmailVerificationSubject: set.EmailSubject, SmsVerificationMessage: set.SMSMessage,
		EstimatedNumberOfUsers: new(users), MfaConfiguration: p.MFA.mode(),
		Policies:            &api.UserPoolPolicyType{PasswordPolicy: set.Password.describe(), SignInPolicy: set.describeSignIn()},
		DeviceConfiguration: set.Devices, LambdaConfig: p.lambdaConfig(), UserPoolTags: p.Tags, UserPoolTier: set.Tier, VerificationMessageTemplate: set.Template,
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
			AttributesRequireVerificationBeforeUpdate: enums[api.VerifiedAttributeType](set.VerifyFirst),
		}
	}
	for i := range p.Domains {
		if p.Domains[i].custom() {
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
		out.SchemaAttributes = append(out.SchemaAttributes, p.Schema[i].describe())
	}
	return out
}

func (p passwordPolicy) describe() *api.PasswordPolicyType {
	return &api.PasswordPolicyType{
		MinimumLength: new(p.MinimumLength), RequireUppercase: new(p.Upper), RequireLowercase: new(p.Lower),
		RequireNumbers: new(p.Numbers), RequireSymbols: new(p.Symbols), TemporaryPasswordValidityDays: new(p.TemporaryDays),
		PasswordHistorySize: opt.Present(p.History),
	}
}

// maxCounted bounds the count of users that a description tells: it is an estimate.
const maxCounted = 100_000

// DescribeUserPool implements api.Service.
func (s *Service) DescribeUserPool(ctx context.Context, call *pipeline.Call, in *api.DescribeUserPoolInput) (*api.DescribeUserPoolOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var n int32
	err = c.view(func(rec *store.Records) error {
		n = 0
		return rec.Scan(inPool(c.pool.ID, "user"), nil, func(store.Key, []byte) bool {
			n++
			return n < maxCounted
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.DescribeUserPoolOutput{UserPool: c.pool.describe(n)}, nil
}

// changePool loads the pool anew, lets fn change it and saves it.
func (c *scoped) changePool(fn func(*pool) error) error {
	return c.update(func(rec *store.Records) error {
		p, err := store.Load[pool](rec, poolKey(c.pool.ID))
		if err != nil {
			return err
		}
		if p == nil {
			return refusal.PoolNotFound(c.pool.ID)
		}
		if err := fn(p); err != nil {
			return err
		}
		p.Modified = c.call.Now
		rec.ChangedIn(p.ID)
		return store.Save(rec, poolKey(p.ID), p)
	})
}

// UpdateUserPool implements api.Service. As with AWS, settings that are not named fall back to their defaults.
func (s *Service) UpdateUserPool(ctx context.Context, call *pipeline.Call, in *api.UpdateUserPoolInput) (*api.UpdateUserPoolOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	set, err := newSettings(in)
	if err != nil {
		return nil, err
	}
	if set.Sender, err = s.newSenderKey(ctx, call, c.pool, set.Lambda); err != nil {
		return nil, err
	}
	err = c.changePool(func(p *pool) error {
		if in.DeletionProtection == "" {
			set.DeletionProtection = p.Settings.DeletionProtection
		}
		if set.SMS == nil && p.MFA.SMS != nil {
			set.SMS = p.Settings.SMS // the second factor is sent by it
		}
		p.Settings, p.AutoVerified = set, texts(in.AutoVerifiedAttributes)
		if in.PoolName != nil {
			p.Name = *in.PoolName
		}
		// Tags that guard attributes outlive an update that does not name tags.
		if in.UserPoolTags != nil {
			p.Tags = in.UserPoolTags
		}
		if err := p.changeMode(in.MfaConfiguration); err != nil {
			return err
		}
		return errors.Join(p.checkMFA(&p.MFA), checkTags(p.Tags, p.Schema))
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateUserPoolOutput{}, nil
}

// AddCustomAttributes implements api.Service.
func (s *Service) AddCustomAttributes(ctx context.Context, call *pipeline.Call, in *api.AddCustomAttributesInput) (*api.AddCustomAttributesOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.changePool(func(p *pool) (err error) {
		p.Schema, err = extendSchema(p.Schema, in.CustomAttributes, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.AddCustomAttributesOutput{}, nil
}

// ListUserPools implements api.Service.
func (s *Service) ListUserPools(ctx context.Context, call *pipeline.Call, in *api.ListUserPoolsInput) (*api.ListUserPoolsOutput, error) {
	page, err := s.page(call.Account, call.Region, "ListUserPools", nil, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	var found []*pool
	err = s.DB.View(ctx, call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		found, err = paging.Records[pool](page, rec, store.K("pool"), nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolsOutput{UserPools: []api.UserPoolDescriptionType{}}
	for _, p := range found {
		out.UserPools = append(out.UserPools, api.UserPoolDescriptionType{
			Id: new(p.ID), Name: new(p.Name), CreationDate: new(p.Created), LastModifiedDate: new(p.Modified), LambdaConfig: p.lambdaConfig(),
		})
	}
	out.NextToken, err = page.Token()
	return out, err
}

// DeleteUserPool implements api.Service. The pool, its keys and clients are gone at once; what is in it follows in pieces,
// and a later deletion finishes what a crash left.
func (s *Service) DeleteUserPool(ctx context.Context, call *pipeline.Call, in *api.DeleteUserPoolInput) (*api.DeleteUserPoolOutput, error) {
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
		return deletePool(rec, dir, c.pool.ID)
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
	p, err := store.Load[pool](rec, poolKey(id))
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
	if err := store.Save(rec, goneKey(id), &ref{}); err != nil {
		return err
	}
	rec.ChangedIn(id)
	return errors.Join(rec.Delete(poolKey(id)), dir.Delete(store.K("pool", id)))
}

// sweepSteps is how many records one transaction of a deletion takes away.
const sweepSteps = 500

// sweepGone takes away what is left of deleted pools.
func (c *scoped) sweepGone() error {
	for {
		more := false
		err := c.DB.Update(c.ctx, c.call.Grant, func(tx *store.Tx) (err error) {
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
	err = rec.Scan(inPool(id), nil, func(k store.Key, _ []byte) bool {
		keys = append(keys, slices.Clone(k))
		return len(keys) < sweepSteps
	})
	if len(keys) == 0 && err == nil {
		return true, rec.Delete(goneKey(id))
	}
	for _, k := range keys {
		if parts := k.Parts(); len(parts) == 4 && parts[2] == "client" {
			err = errors.Join(err, dir.Delete(store.K("client", parts[3])))
		}
		err = errors.Join(err, rec.Delete(k))
	}
	return true, err
}

// maxTags is the limit of tags on a resource ("Tag naming and usage conventions", AWS General Reference).
const maxTags = 50

// byARN opens the pool that a tagging operation names.
func (s *Service) byARN(ctx context.Context, call *pipeline.Call, name *string) (*scoped, error) {
	id, ok := poolOfARN(opt.Value(name))
	if !ok {
		return nil, refusal.Invalid("Invalid resource ARN: %s", opt.Value(name))
	}
	c, err := s.in(ctx, call, &id)
	if err == nil && c.pool.arn() != opt.Value(name) {
		err = refusal.PoolNotFound(id)
	}
	return c, err
}

func poolOfARN(name string) (string, bool) {
	a, ok := arn.Parse(name)
	if !ok || a.Service != serviceName {
		return "", false
	}
	kind, id := a.Type()
	return id, kind == "userpool" && !strings.Contains(id, "/")
}

// TagResource implements api.Service.
func (s *Service) TagResource(ctx context.Context, call *pipeline.Call, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	c, err := s.byARN(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	err = c.changePool(func(p *pool) error {
		tags := maps.Clone(p.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, in.Tags)
		if len(tags) > maxTags {
			return refusal.Invalid("A resource has at most %d tags.", maxTags)
		}
		p.Tags = tags
		return checkTags(tags, p.Schema)
	})
	if err != nil {
		return nil, err
	}
	return &api.TagResourceOutput{}, nil
}

// UntagResource implements api.Service.
func (s *Service) UntagResource(ctx context.Context, call *pipeline.Call, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	c, err := s.byARN(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	err = c.changePool(func(p *pool) error {
		for _, k := range in.TagKeys {
			delete(p.Tags, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagResourceOutput{}, nil
}

// ListTagsForResource implements api.Service.
func (s *Service) ListTagsForResource(ctx context.Context, call *pipeline.Call, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	c, err := s.byARN(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.ListTagsForResourceOutput{Tags: c.pool.Tags}, nil
}
