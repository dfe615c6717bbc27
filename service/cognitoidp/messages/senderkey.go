package messages

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	kmsapi "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// EventSource names this service where it calls others, in kms:ViaService and in the audit log.
const EventSource = "cognito-idp.amazonaws.com"

// DataKeys makes a data key under a KMS key with the authority of the caller.
type DataKeys func(ctx context.Context, call *pipeline.Call, key string, about map[string]string) (*kmsapi.GenerateDataKeyOutput, error)

func generateDataKey(ctx context.Context, call *pipeline.Call, key string, about map[string]string) (*kmsapi.GenerateDataKeyOutput, error) {
	return pipeline.Invoke[kmsapi.GenerateDataKeyOutput](ctx, call, EventSource, "kms", "GenerateDataKey", &kmsapi.GenerateDataKeyInput{
		KeyId: &key, KeySpec: kmsapi.DataKeySpecAes256, EncryptionContext: about,
	})
}

// NewSenderKey makes the data key for the custom senders of a configuration, nil if it has none.
//
// AWS makes a grant on the KMS key when a pool is given one, with the caller's kms:CreateGrant, and uses it for each code.
// Here whoever sets KMSKeyID needs kms:GenerateDataKey on the key at that time, under the encryption context
// {"userpool-id": …}; one data key then serves all codes until the configuration is set again. So nobody names a key that
// they may not use, and sending a code, which anybody can cause, carries no authority over KMS. Taking the key from the
// functions (its policy, disabling it) ends their reading of codes at once; the data key in the store stays sealed.
func (s *Courier) NewSenderKey(ctx context.Context, call *pipeline.Call, pool *userpool.Pool, l *api.LambdaConfigType) (*userpool.SenderKey, error) {
	if l == nil || l.CustomSMSSender == nil && l.CustomEmailSender == nil {
		return nil, nil
	}
	out, err := s.DataKeys(ctx, call, opt.Value(l.KMSKeyID), senderContext(pool.ID))
	if err != nil {
		return nil, err
	}
	defer clear(out.Plaintext)
	sealed, err := s.Keyring.Seal(keyring.SenderKey, pool.Scope(), out.Plaintext, out.CiphertextBlob)
	if err != nil {
		return nil, fault.Wrap(err, "seal the key of a custom sender")
	}
	return &userpool.SenderKey{KeyARN: opt.Value(out.KeyId), Encrypted: out.CiphertextBlob, Sealed: sealed}, nil
}
