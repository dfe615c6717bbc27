package cognitoidp

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const (
	// maxAuthEvents is how many events a user has at most: who tries to sign in as somebody writes them.
	maxAuthEvents = 100
	// maxDeviceName bounds what an event keeps of a User-Agent, in bytes.
	maxDeviceName = 256
	// feedbackAdmin is the provider of feedback by administrators.
	feedbackAdmin = "Admin"
)

// authEvent is a sign-in that ended, well or not.
type authEvent struct {
	ID, IP, Device string
	At             time.Time
	Passed         bool
	// Blocked is true if the address was refused.
	Blocked      bool
	Feedback     api.FeedbackValueType
	FeedbackDate time.Time
}

// eventKey sorts later events first.
func eventKey(pool, sub string, e *authEvent) store.Key {
	return userpool.InPool(pool, "auth-event", sub, fmt.Sprintf("%019d", math.MaxInt64-e.At.UnixNano()), e.ID)
}

func (e *authEvent) describe() api.AuthEventType {
	out := api.AuthEventType{
		EventId: new(e.ID), EventType: api.EventTypeSignIn, CreationDate: new(e.At), EventResponse: api.EventResponseTypeFail,
		EventRisk:        &api.EventRiskType{RiskDecision: api.RiskDecisionTypeNoRisk, CompromisedCredentialsDetected: new(false)},
		EventContextData: &api.EventContextDataType{IpAddress: opt.Present(e.IP), DeviceName: opt.Present(e.Device)},
	}
	if e.Passed {
		out.EventResponse = api.EventResponseTypePass
	}
	if e.Blocked {
		out.EventRisk.RiskDecision = api.RiskDecisionTypeBlock
	}
	if e.Feedback != "" {
		out.EventFeedback = &api.EventFeedbackType{FeedbackValue: e.Feedback, Provider: new(feedbackAdmin), FeedbackDate: new(e.FeedbackDate)}
	}
	return out
}

// watched takes a step of a sign-in under the pool's threat protection: not from a blocked address, and recorded if the
// sign-in ends with it.
func (a *attempt) watched(step func() (*outcome, error)) (*outcome, error) {
	records, _ := a.Pool.Settings.Protects()
	if !records {
		return step()
	}
	o, err := (*outcome)(nil), a.unblocked()
	blocked := err != nil
	if !blocked {
		o, err = step()
	}
	passed := err == nil && (o.tokens != nil || o.arrival != nil)
	refused := fault.Is(err, "NotAuthorizedException") || fault.Is(err, "UserNotConfirmedException") || fault.Is(err, "CodeMismatchException")
	if !passed && !refused {
		return o, err
	}
	if kept := a.recordEvent(&authEvent{ID: uuid.NewString(), At: a.Call.Now, Passed: passed, Blocked: blocked && refused}); kept != nil {
		return nil, kept
	}
	return o, err
}

// recordEvent keeps an event of the user whom the step names, if it is one.
func (a *attempt) recordEvent(e *authEvent) error {
	if ip := a.userAddress(); ip.IsValid() {
		e.IP = ip.String()
	}
	e.Device = a.Call.UserAgent[:min(len(a.Call.UserAgent), maxDeviceName)]
	name := a.params[paramUsername]
	if name == "" || len(name) > maxNameLength {
		return nil
	}
	return a.Update(func(rec *store.Records) error {
		u, err := a.Pool.Find(rec, name)
		if err != nil {
			return err
		}
		var sub string
		most := maxAuthEvents
		if u != nil {
			sub = u.Sub
		} else if sub, err = a.Who(nil, name); err != nil {
			return err
		} else {
			most = 0 // nothing is kept of nobody, and takes as long
		}
		if err := store.Save(rec, eventKey(a.Pool.ID, sub, e), e); err != nil {
			return err
		}
		return a.trimEvents(rec, sub, most)
	})
}

// trimEvents takes the oldest events away that are too many.
func (a *attempt) trimEvents(rec *store.Records, sub string, most int) error {
	var keys []store.Key
	err := rec.Scan(userpool.EventsKey(a.Pool.ID, sub), nil, func(k store.Key, _ []byte) bool {
		keys = append(keys, slices.Clone(k))
		return true
	})
	for i := most; i < len(keys) && err == nil; i++ {
		err = rec.Delete(keys[i])
	}
	return err
}

// AdminListUserAuthEvents implements api.Service. The latest event comes first.
func (s *Service) AdminListUserAuthEvents(ctx context.Context, call *pipeline.Call, in *api.AdminListUserAuthEventsInput) (*api.AdminListUserAuthEventsOutput, error) {
	c, err := s.Protected(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	u, err := userpool.Read(c, func(rec *store.Records) (*userpool.User, error) {
		return c.Pool.MustFind(rec, in.Username)
	})
	if err != nil {
		return nil, err
	}
	events, token, err := userpool.ListPage[authEvent](c.Request, "AdminListUserAuthEvents", u.Sub, userpool.EventsKey(c.Pool.ID, u.Sub), in.NextToken, in.MaxResults, nil)
	if err != nil {
		return nil, err
	}
	out := &api.AdminListUserAuthEventsOutput{AuthEvents: []api.AuthEventType{}, NextToken: token}
	for _, e := range events {
		out.AuthEvents = append(out.AuthEvents, e.describe())
	}
	return out, nil
}

// AdminUpdateAuthEventFeedback implements api.Service.
func (s *Service) AdminUpdateAuthEventFeedback(ctx context.Context, call *pipeline.Call, in *api.AdminUpdateAuthEventFeedbackInput) (*api.AdminUpdateAuthEventFeedbackOutput, error) {
	c, err := s.Protected(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		u, err := c.Pool.MustFind(rec, in.Username)
		if err != nil {
			return err
		}
		var e *authEvent
		err = store.Each(rec, userpool.EventsKey(c.Pool.ID, u.Sub), nil, func(_ store.Key, have *authEvent) bool {
			if have.ID == opt.Value(in.EventId) {
				e = have
			}
			return e == nil
		})
		if err != nil {
			return err
		}
		if e == nil {
			return api.NewResourceNotFoundException("Event %s does not exist.", opt.Value(in.EventId))
		}
		e.Feedback, e.FeedbackDate = in.FeedbackValue, call.Now
		return store.Save(rec, eventKey(c.Pool.ID, u.Sub, e), e)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminUpdateAuthEventFeedbackOutput{}, nil
}
