package cognitoidp

import (
	"regexp"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// trigger is a point at which a pool calls a function ("Customizing user pool workflows with Lambda triggers", Amazon
// Cognito Developer Guide), in the words of LambdaConfigType.
type trigger string

// The triggers.
const (
	triggerPreSignUp          trigger = "PreSignUp"
	triggerPostConfirmation   trigger = "PostConfirmation"
	triggerPreAuthentication  trigger = "PreAuthentication"
	triggerPostAuthentication trigger = "PostAuthentication"
	triggerPreToken           trigger = "PreTokenGeneration"
	triggerDefineChallenge    trigger = "DefineAuthChallenge"
	triggerCreateChallenge    trigger = "CreateAuthChallenge"
	triggerVerifyChallenge    trigger = "VerifyAuthChallengeResponse"
	triggerMigration          trigger = "UserMigration"
	triggerCustomMessage      trigger = "CustomMessage"
	triggerSMSSender          trigger = "CustomSMSSender"
	triggerEmailSender        trigger = "CustomEmailSender"
	triggerInbound            trigger = "InboundFederation"
)

// functionsOf are the ARNs in a configuration, by trigger; "" for those that are not set.
func functionsOf(l *api.LambdaConfigType) map[trigger]string {
	if l == nil {
		return nil
	}
	out := map[trigger]string{
		triggerPreSignUp: opt.Value(l.PreSignUp), triggerPostConfirmation: opt.Value(l.PostConfirmation),
		triggerPreAuthentication: opt.Value(l.PreAuthentication), triggerPostAuthentication: opt.Value(l.PostAuthentication),
		triggerPreToken: opt.Value(l.PreTokenGeneration), triggerDefineChallenge: opt.Value(l.DefineAuthChallenge),
		triggerCreateChallenge: opt.Value(l.CreateAuthChallenge), triggerVerifyChallenge: opt.Value(l.VerifyAuthChallengeResponse),
		triggerMigration: opt.Value(l.UserMigration), triggerCustomMessage: opt.Value(l.CustomMessage),
	}
	if s := l.CustomSMSSender; s != nil {
		out[triggerSMSSender] = opt.Value(s.LambdaArn)
	}
	if s := l.CustomEmailSender; s != nil {
		out[triggerEmailSender] = opt.Value(s.LambdaArn)
	}
	if s := l.InboundFederation; s != nil {
		out[triggerInbound] = opt.Value(s.LambdaArn)
	}
	return out
}

// functionOf is the ARN of the pool's function for a trigger, or "".
func functionOf(p *userpool.Pool, t trigger) string {
	if p.Settings.Lambda == nil {
		return ""
	}
	return functionsOf(p.Settings.Lambda)[t]
}

// lambdaConfig is the configuration as descriptions show it.
func lambdaConfigOf(p *userpool.Pool) *api.LambdaConfigType {
	if p.Settings.Lambda == nil {
		return &api.LambdaConfigType{}
	}
	return p.Settings.Lambda
}

// newLambdaConfig checks the triggers of a pool. Storing them asks for no function to exist: as with AWS, one that cannot
// be invoked fails the operation that needs it.
func newLambdaConfig(in *api.LambdaConfigType, tier api.UserPoolTierType) (*api.LambdaConfigType, error) {
	if in == nil || *in == (api.LambdaConfigType{}) {
		return nil, nil
	}
	out := *in
	if err := settlePreToken(&out, tier); err != nil {
		return nil, err
	}
	for t, name := range functionsOf(&out) {
		if name != "" && !isFunctionARN(name) {
			return nil, refusal.Invalid("The ARN of %s is not that of a Lambda function: %s", t, name)
		}
	}
	if out.CustomSMSSender == nil && out.CustomEmailSender == nil {
		return &out, nil
	}
	key, ok := arn.Parse(opt.Value(out.KMSKeyID))
	if !ok || key.Service != "kms" || !strings.HasPrefix(key.Resource, "key/") {
		return nil, refusal.Invalid("KMSKeyID must be the ARN of a KMS key when a CustomSMSSender or CustomEmailSender is set")
	}
	return &out, nil
}

// settlePreToken makes the two places of the pre token generation trigger agree.
func settlePreToken(l *api.LambdaConfigType, tier api.UserPoolTierType) error {
	c := l.PreTokenGenerationConfig
	switch {
	case c == nil && l.PreTokenGeneration == nil:
		return nil
	case c == nil:
		l.PreTokenGenerationConfig = &api.PreTokenGenerationVersionConfigType{
			LambdaArn: l.PreTokenGeneration, LambdaVersion: api.PreTokenGenerationLambdaVersionTypeV10,
		}
		return nil
	case l.PreTokenGeneration == nil:
		l.PreTokenGeneration = c.LambdaArn
	case *l.PreTokenGeneration != opt.Value(c.LambdaArn):
		return refusal.Invalid("PreTokenGeneration and the LambdaArn of PreTokenGenerationConfig must be the same")
	}
	if c.LambdaVersion != api.PreTokenGenerationLambdaVersionTypeV10 && tier == api.UserPoolTierTypeLite {
		return api.NewFeatureUnavailableInTierException("Version %s of the pre token generation trigger is not available in the tier %s", c.LambdaVersion, tier)
	}
	return nil
}

// functionName is how Lambda names functions, with a version or alias (FunctionName of "Invoke", AWS Lambda API Reference).
// It goes into the path of a request.
var functionName = regexp.MustCompile(`^function:[A-Za-z0-9_-]{1,140}(:[A-Za-z0-9_-]{1,128})?$`)

func isFunctionARN(name string) bool {
	a, ok := arn.Parse(name)
	return ok && a.Service == "lambda" && a.Account != "" && a.Region != "" && functionName.MatchString(a.Resource)
}
