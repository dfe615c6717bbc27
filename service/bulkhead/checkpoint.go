package bulkhead

import (
	"context"
	"errors"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// Checkpoint leaves a copy of the whole store, as of now, in the data directory and returns its name there. It returns
// ErrNoCheckpoint if the store can't.
type Checkpoint func(ctx context.Context) (name string, err error)

// ErrNoCheckpoint is returned by a Checkpoint of a store that is not a directory of this machine.
var ErrNoCheckpoint = errors.New("bulkhead: the store makes no checkpoints")

// CheckpointStore is for the operators of the default account: the copy holds all accounts' data. It stays on the server's
// machine, readable by the user that the server runs as.
func (r requirements) CheckpointStore(s *authz.Scope, _ *api.CheckpointStoreInput) authz.Requirement {
	arn := "arn:" + s.Partition + ":bulkhead:" + s.Region + ":" + r.main + ":store"
	return authz.Require("bulkhead:CheckpointStore", authz.Resource{ARN: arn, Account: r.main, Region: s.Region}, nil)
}

// CheckpointStore leaves a copy of the store in the data directory, for 'bulkhead store copy'.
func (s *Service) CheckpointStore(ctx context.Context, c *pipeline.Call, _ *api.CheckpointStoreInput) (*api.CheckpointStoreOutput, error) {
	name, err := s.checkpoint(ctx)
	if errors.Is(err, ErrNoCheckpoint) {
		return nil, api.NewCheckpointUnavailableException("The store of this server makes no checkpoints: only the embedded one does.")
	}
	if err != nil {
		return nil, err
	}
	c.Note("checkpoint", name)
	return &api.CheckpointStoreOutput{Checkpoint: &name}, nil
}
