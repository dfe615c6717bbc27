// Package cloudtrail answers CloudTrail's LookupEvents from the audit log.
package cloudtrail

import (
	"context"
	"errors"
	"strconv"
	"time"

	api "github.com/bulkhead/bulkhead/api/cloudtrail"
	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// Log is the part of the audit log that the service reads.
type Log interface {
	Lookup(ctx context.Context, q audit.Query) ([]audit.Found, string, error)
}

// Service implements the operations and their requirements.
type Service struct{ log Log }

// New returns the service over the log.
func New(log Log) *Service { return &Service{log} }

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, requirements{})}
}

type requirements struct{}

func (requirements) LookupEvents(s *authz.Scope, _ *api.LookupEventsInput) authz.Requirement {
	return authz.Require("cloudtrail:LookupEvents", authz.Resource{ARN: "*", Account: s.Account, Region: s.Region}, nil)
}

// LookupEvents finds the caller's account's events, newest first.
func (s *Service) LookupEvents(ctx context.Context, c *pipeline.Call, in *api.LookupEventsInput) (*api.LookupEventsOutput, error) {
	q, err := query(c, in)
	if err != nil {
		return nil, err
	}
	found, next, err := s.log.Lookup(ctx, q)
	if errors.Is(err, audit.ErrBadToken) {
		return nil, api.NewInvalidNextTokenException("The token is invalid.").With(err)
	}
	if err != nil {
		return nil, err
	}
	out := &api.LookupEventsOutput{Events: make([]api.Event, 0, len(found))}
	for i := range found {
		out.Events = append(out.Events, event(&found[i]))
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

func query(c *pipeline.Call, in *api.LookupEventsInput) (audit.Query, error) {
	q := audit.Query{Account: c.Account, Start: at(in.StartTime), End: at(in.EndTime)}
	if !q.Start.IsZero() && !q.End.IsZero() && q.End.Before(q.Start) {
		return q, api.NewInvalidTimeRangeException("The start time must be before the end time.")
	}
	if in.EventCategory != "" {
		return q, api.NewInvalidEventCategoryException("Insights events are not supported; leave EventCategory out.")
	}
	if in.MaxResults != nil {
		if *in.MaxResults < 1 || *in.MaxResults > audit.MaxResults {
			return q, api.NewInvalidMaxResultsException("A page has 1 to %d results.", audit.MaxResults)
		}
		q.Max = int(*in.MaxResults)
	}
	if in.NextToken != nil {
		q.Token = *in.NextToken
	}
	if len(in.LookupAttributes) > 1 {
		return q, api.NewInvalidLookupAttributesException("Only one lookup attribute can be given.")
	}
	for _, a := range in.LookupAttributes {
		into := field(&q.Filter, a.AttributeKey)
		if into == nil || a.AttributeValue == nil || *a.AttributeValue == "" {
			return q, api.NewInvalidLookupAttributesException("The lookup attribute is not valid.")
		}
		*into = *a.AttributeValue
	}
	return q, nil
}

func field(f *audit.Filter, key api.LookupAttributeKey) *string {
	switch key {
	case api.LookupAttributeKeyEventId:
		return &f.EventID
	case api.LookupAttributeKeyEventName:
		return &f.EventName
	case api.LookupAttributeKeyEventSource:
		return &f.EventSource
	case api.LookupAttributeKeyReadOnly:
		return &f.ReadOnly
	case api.LookupAttributeKeyUsername:
		return &f.Username
	case api.LookupAttributeKeyResourceType:
		return &f.ResourceType
	case api.LookupAttributeKeyResourceName:
		return &f.ResourceName
	case api.LookupAttributeKeyAccessKeyId:
		return &f.AccessKeyID
	}
	return nil
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func event(f *audit.Found) api.Event {
	readOnly, text := strconv.FormatBool(f.ReadOnly), string(f.JSON)
	e := api.Event{
		AccessKeyId: opt.Present(f.AccessKeyID), CloudTrailEvent: &text, EventId: &f.ID, EventName: &f.Name,
		EventSource: &f.Source, EventTime: &f.Time, ReadOnly: &readOnly, Username: opt.Present(f.Username),
	}
	for i := range f.Resources {
		r := &f.Resources[i]
		e.Resources = append(e.Resources, api.Resource{ResourceName: &r.ARN, ResourceType: opt.Present(r.Type)})
	}
	return e
}
