package bulkhead

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
)

// Mailbox is where user pools leave the codes and invitations of a server without mail.
type Mailbox interface {
	List(ctx context.Context, account, region, to string) ([]messages.Message, error)
}

// ListMessages is an action on all messages of the account and region: who may read one may sign in as its user.
func (requirements) ListMessages(s *authz.Scope, _ *api.ListMessagesInput) authz.Requirement {
	arn := "arn:" + s.Partition + ":bulkhead:" + s.Region + ":" + s.Account + ":messages"
	return authz.Require("bulkhead:ListMessages", authz.Resource{ARN: arn, Account: s.Account, Region: s.Region}, nil)
}

// ListMessages lists the messages of the account's user pools in the region, the newest last, all or those to an address.
func (s *Service) ListMessages(ctx context.Context, c *pipeline.Call, in *api.ListMessagesInput) (*api.ListMessagesOutput, error) {
	found, err := s.mail.List(ctx, c.Account, c.Region, opt.Value(in.To))
	if err != nil {
		return nil, err
	}
	return &api.ListMessagesOutput{Messages: shown(found)}, nil
}

func shown(found []messages.Message) []api.PoolMessage {
	out := []api.PoolMessage{}
	for i := range found {
		m := &found[i]
		out = append(out, api.PoolMessage{
			Time: &m.Time, UserPoolId: &m.Pool, Medium: &m.Medium, To: &m.To, Username: &m.Username,
			Subject: opt.Present(m.Subject), Body: &m.Body, Code: opt.Present(m.Code),
		})
	}
	return out
}
