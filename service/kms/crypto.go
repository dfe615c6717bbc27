package kms

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// Encrypt encrypts up to 4096 bytes under a key.
func (s *Service) Encrypt(ctx context.Context, c *pipeline.Call, in *api.EncryptInput) (*api.EncryptOutput, error) {
	f, err := s.encrypting(ctx, c, 0, *in.KeyId, in.EncryptionAlgorithm, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if opt.Value(in.DryRun) {
		return nil, wouldSucceed()
	}
	blob, err := s.seal(f, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &api.EncryptOutput{CiphertextBlob: blob, KeyId: &f.arn, EncryptionAlgorithm: symmetric}, nil
}

const symmetric = api.EncryptionAlgorithmSpecSymmetricDefault

// encrypting returns the key of the i-th check, ready to be used with the algorithm.
func (s *Service) encrypting(
	ctx context.Context, c *pipeline.Call, i int, named string, a api.EncryptionAlgorithmSpec, tokens []string,
) (*facts, error) {
	f, err := s.usable(ctx, c, i, named)
	if err != nil {
		return nil, err
	}
	if err := onlySymmetric(a); err != nil {
		return nil, err
	}
	return f, noTokens(tokens)
}

// Decrypt decrypts what Encrypt, ReEncrypt or GenerateDataKey made.
func (s *Service) Decrypt(ctx context.Context, c *pipeline.Call, in *api.DecryptInput) (*api.DecryptOutput, error) {
	if in.Recipient != nil {
		return nil, noEnclaves()
	}
	f, err := s.encrypting(ctx, c, 0, opt.Value(in.KeyId), in.EncryptionAlgorithm, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if ignored(in.DryRun, in.DryRunModifiers) {
		return nil, wouldSucceed()
	}
	plaintext, m, err := s.open(f, in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if opt.Value(in.DryRun) {
		return nil, wouldSucceed()
	}
	return &api.DecryptOutput{KeyId: &f.arn, KeyMaterialId: &m.ID, Plaintext: plaintext, EncryptionAlgorithm: symmetric}, nil
}

// ReEncrypt decrypts and encrypts again, under another key or with another context. The plaintext does not leave.
func (s *Service) ReEncrypt(ctx context.Context, c *pipeline.Call, in *api.ReEncryptInput) (*api.ReEncryptOutput, error) {
	from, err := s.encrypting(ctx, c, 0, opt.Value(in.SourceKeyId), in.SourceEncryptionAlgorithm, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	to, err := s.encrypting(ctx, c, 1, *in.DestinationKeyId, in.DestinationEncryptionAlgorithm, nil)
	if err != nil {
		return nil, err
	}
	if ignored(in.DryRun, in.DryRunModifiers) {
		return nil, wouldSucceed()
	}
	plaintext, m, err := s.open(from, in.CiphertextBlob, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if opt.Value(in.DryRun) {
		return nil, wouldSucceed()
	}
	blob, err := s.seal(to, plaintext, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	return &api.ReEncryptOutput{
		CiphertextBlob: blob, KeyId: &to.arn, SourceKeyId: &from.arn,
		SourceEncryptionAlgorithm: symmetric, DestinationEncryptionAlgorithm: symmetric,
		SourceKeyMaterialId: &m.ID, DestinationKeyMaterialId: &to.record.current().ID,
	}, nil
}

func noEnclaves() error {
	return unsupported("Recipient is not supported: there are no attested enclaves here.")
}
