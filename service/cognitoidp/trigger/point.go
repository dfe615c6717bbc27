package trigger

import (
	"regexp"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Point is a point at which a pool calls a function ("Customizing user pool workflows with Lambda triggers", Amazon
// Cognito Developer Guide), in the words of LambdaConfigType.
type Point string

// The triggers.
const (
	PreSignUp           Point = "PreSignUp"
	PostConfirmation    Point = "PostConfirmation"
	PreAuthentication   Point = "PreAuthentication"
	PostAuthentication  Point = "PostAuthentication"
	PreTokenGeneration  Point = "PreTokenGeneration"
	DefineAuthChallenge Point = "DefineAuthChallenge"
	CreateAuthChallenge Point = "CreateAuthChallenge"
	VerifyAuthChallenge Point = "VerifyAuthChallengeResponse"
	UserMigration       Point = "UserMigration"
	CustomMessage       Point = "CustomMessage"
	CustomSMSSender     Point = "CustomSMSSender"
	CustomEmailSender   Point = "CustomEmailSender"
	InboundFederation   Point = "InboundFederation"
)

// functionsOf are the ARNs in a configuration, by trigger; "" for those that are not set.
func functionsOf(l *api.LambdaConfigType) map[Point]string {
	if l == nil {
		return nil
	}
	out := map[Point]string{
		PreSignUp: opt.Value(l.PreSignUp), PostConfirmation: opt.Value(l.PostConfirmation),
		PreAuthentication: opt.Value(l.PreAuthentication), PostAuthentication: opt.Value(l.PostAuthentication),
		PreTokenGeneration: opt.Value(l.PreTokenGeneration), DefineAuthChallenge: opt.Value(l.DefineAuthChallenge),
		CreateAuthChallenge: opt.Value(l.CreateAuthChallenge), VerifyAuthChallenge: opt.Value(l.VerifyAuthChallengeResponse),
		UserMigration: opt.Value(l.UserMigration), CustomMessage: opt.Value(l.CustomMessage),
	}
	if s := l.CustomSMSSender; s != nil {
		out[CustomSMSSender] = opt.Value(s.LambdaArn)
	}
	if s := l.CustomEmailSender; s != nil {
		out[CustomEmailSender] = opt.Value(s.LambdaArn)
	}
	if s := l.InboundFederation; s != nil {
		out[InboundFederation] = opt.Value(s.LambdaArn)
	}
	return out
}

// FunctionOf is the ARN of the pool's function for a trigger, or "".
func FunctionOf(p *userpool.Pool, t Point) string {
	if p.Settings.Lambda == nil {
		return ""
	}
	return functionsOf(p.Settings.Lambda)[t]
}

// Describe is the configuration as descriptions show it.
func Describe(p *userpool.Pool) *api.LambdaConfigType {
	if p.Settings.Lambda == nil {
		return &api.LambdaConfigType{}
	}
	return p.Settings.Lambda
}

// NewConfig checks the triggers of a pool. Storing them asks for no function to exist: as with AWS, one that cannot
// be invoked fails the operation that needs it.
func NewConfig(in *api.LambdaConfigType, tier api.UserPoolTierType) (*api.LambdaConfigType, error) {
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
