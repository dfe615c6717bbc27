package kms

import (
	"context"
	"crypto/rand"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// GenerateDataKey makes a random key and returns it in the clear and encrypted.
func (s *Service) GenerateDataKey(ctx context.Context, c *pipeline.Call, in *api.GenerateDataKeyInput) (*api.GenerateDataKeyOutput, error) {
	if in.Recipient != nil {
		return nil, noEnclaves()
	}
	d, err := s.dataKey(ctx, c, in)
	if err != nil {
		return nil, err
	}
	return &api.GenerateDataKeyOutput{
		KeyId: &d.key.arn, KeyMaterialId: &d.key.record.current().ID, Plaintext: d.plaintext, CiphertextBlob: d.blob,
	}, nil
}

// GenerateDataKeyWithoutPlaintext makes a random key and returns it encrypted.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context, c *pipeline.Call, in *api.GenerateDataKeyWithoutPlaintextInput) (
	*api.GenerateDataKeyWithoutPlaintextOutput, error,
) {
	d, err := s.dataKey(ctx, c, &api.GenerateDataKeyInput{
		KeyId: in.KeyId, KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes, EncryptionContext: in.EncryptionContext,
		GrantTokens: in.GrantTokens, DryRun: in.DryRun,
	})
	if err != nil {
		return nil, err
	}
	clear(d.plaintext)
	return &api.GenerateDataKeyWithoutPlaintextOutput{
		KeyId: &d.key.arn, KeyMaterialId: &d.key.record.current().ID, CiphertextBlob: d.blob,
	}, nil
}

type dataKey struct {
	key             *facts
	plaintext, blob []byte
}

func (s *Service) dataKey(ctx context.Context, c *pipeline.Call, in *api.GenerateDataKeyInput) (*dataKey, error) {
	n, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	f, err := s.encrypting(ctx, c, 0, *in.KeyId, "", in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if opt.Value(in.DryRun) {
		return nil, wouldSucceed()
	}
	d := &dataKey{key: f, plaintext: make([]byte, n)}
	rand.Read(d.plaintext)
	d.blob, err = s.seal(f, d.plaintext, in.EncryptionContext)
	return d, err
}

func dataKeySize(spec api.DataKeySpec, bytes *int32) (int, error) {
	switch {
	case (spec == "") == (bytes == nil):
		return 0, invalid("Please specify either number of bytes or key spec.")
	case bytes != nil:
		return int(*bytes), nil
	case spec == api.DataKeySpecAes128:
		return 16, nil
	case spec == api.DataKeySpecAes256:
		return 32, nil
	}
	return 0, invalid("The key spec %s is not valid.", spec)
}

// GenerateRandom returns random bytes.
func (s *Service) GenerateRandom(_ context.Context, _ *pipeline.Call, in *api.GenerateRandomInput) (*api.GenerateRandomOutput, error) {
	switch {
	case in.Recipient != nil:
		return nil, noEnclaves()
	case in.CustomKeyStoreId != nil:
		return nil, unsupported("Custom key stores are not supported.")
	case in.NumberOfBytes == nil:
		return nil, fault.New(fault.Validation, "1 validation error detected: Value null at 'numberOfBytes' failed to satisfy "+
			"constraint: Member must not be null")
	}
	b := make([]byte, *in.NumberOfBytes)
	rand.Read(b)
	return &api.GenerateRandomOutput{Plaintext: b}, nil
}
