package cloudtrail

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cloudtrail"
	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

const account = "111122223333"

var (
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
)

// fakeLog answers every query alike and keeps the last.
type fakeLog struct {
	found []audit.Found
	next  string
	err   error
	query audit.Query
	asked bool
}

func (l *fakeLog) Lookup(_ context.Context, q audit.Query) ([]audit.Found, string, error) {
	l.query, l.asked = q, true
	return l.found, l.next, l.err
}

func attribute(key api.LookupAttributeKey, value string) []api.LookupAttribute {
	return []api.LookupAttribute{{AttributeKey: key, AttributeValue: &value}}
}

// A request becomes a query of the caller's own account, or is refused before the log is asked.
func TestQuery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   api.LookupEventsInput
		want audit.Query
		code string
	}{
		"nothing":        {},
		"times":          {in: api.LookupEventsInput{StartTime: &noon, EndTime: &later}, want: audit.Query{Start: noon, End: later}},
		"one instant":    {in: api.LookupEventsInput{StartTime: &noon, EndTime: &noon}, want: audit.Query{Start: noon, End: noon}},
		"times swapped":  {in: api.LookupEventsInput{StartTime: &later, EndTime: &noon}, code: "InvalidTimeRangeException"},
		"page":           {in: api.LookupEventsInput{MaxResults: new(int32(7)), NextToken: new("t")}, want: audit.Query{Max: 7, Token: "t"}},
		"largest page":   {in: api.LookupEventsInput{MaxResults: new(int32(50))}, want: audit.Query{Max: 50}},
		"page too large": {in: api.LookupEventsInput{MaxResults: new(int32(51))}, code: "InvalidMaxResultsException"},
		"empty page":     {in: api.LookupEventsInput{MaxResults: new(int32(0))}, code: "InvalidMaxResultsException"},
		"insights":       {in: api.LookupEventsInput{EventCategory: "insight"}, code: "InvalidEventCategoryException"},
		"event id":       {in: api.LookupEventsInput{LookupAttributes: attribute("EventId", "x")}, want: audit.Query{Filter: audit.Filter{EventID: "x"}}},
		"event name":     {in: api.LookupEventsInput{LookupAttributes: attribute("EventName", "x")}, want: audit.Query{Filter: audit.Filter{EventName: "x"}}},
		"event source":   {in: api.LookupEventsInput{LookupAttributes: attribute("EventSource", "x")}, want: audit.Query{Filter: audit.Filter{EventSource: "x"}}},
		"read only":      {in: api.LookupEventsInput{LookupAttributes: attribute("ReadOnly", "true")}, want: audit.Query{Filter: audit.Filter{ReadOnly: "true"}}},
		"user name":      {in: api.LookupEventsInput{LookupAttributes: attribute("Username", "x")}, want: audit.Query{Filter: audit.Filter{Username: "x"}}},
		"resource type":  {in: api.LookupEventsInput{LookupAttributes: attribute("ResourceType", "x")}, want: audit.Query{Filter: audit.Filter{ResourceType: "x"}}},
		"resource name":  {in: api.LookupEventsInput{LookupAttributes: attribute("ResourceName", "x")}, want: audit.Query{Filter: audit.Filter{ResourceName: "x"}}},
		"access key":     {in: api.LookupEventsInput{LookupAttributes: attribute("AccessKeyId", "x")}, want: audit.Query{Filter: audit.Filter{AccessKeyID: "x"}}},
		"no such key":    {in: api.LookupEventsInput{LookupAttributes: attribute("Tenant", "x")}, code: "InvalidLookupAttributesException"},
		"no value":       {in: api.LookupEventsInput{LookupAttributes: attribute("EventName", "")}, code: "InvalidLookupAttributesException"},
		"nil value":      {in: api.LookupEventsInput{LookupAttributes: []api.LookupAttribute{{AttributeKey: "EventName"}}}, code: "InvalidLookupAttributesException"},
		"two": {in: api.LookupEventsInput{LookupAttributes: append(attribute("EventName", "x"), attribute("EventId", "y")...)},
			code: "InvalidLookupAttributesException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &fakeLog{}
			_, err := New(log).LookupEvents(t.Context(), &pipeline.Call{Account: account}, &c.in)
			if c.code != "" {
				if !fault.Is(err, c.code) || log.asked {
					t.Errorf("got %v, asked %v", err, log.asked)
				}
				return
			}
			if c.want.Account = account; err != nil || !reflect.DeepEqual(log.query, c.want) {
				t.Errorf("got  %+v, %v\nwant %+v", log.query, err, c.want)
			}
		})
	}
}

// What the log says of itself, and how it fails.
func TestAnswer(t *testing.T) {
	t.Parallel()
	lookup := func(log *fakeLog) (*api.LookupEventsOutput, error) {
		return New(log).LookupEvents(t.Context(), &pipeline.Call{Account: account}, &api.LookupEventsInput{})
	}
	if _, err := lookup(&fakeLog{err: audit.ErrBadToken}); !fault.Is(err, "InvalidNextTokenException") {
		t.Error(err)
	}
	if _, err := lookup(&fakeLog{err: errors.New("disk")}); fault.From(err).Class != fault.Internal {
		t.Error(err)
	}
	out, err := lookup(&fakeLog{})
	if err != nil || out.Events == nil || len(out.Events) != 0 || out.NextToken != nil {
		t.Errorf("%+v, %v", out, err)
	}
	found := audit.Found{
		ID: "id", Time: noon, Name: "PutItem", Source: "dynamodb.amazonaws.com", ReadOnly: true, JSON: []byte(`{"a":1}`),
		Resources: []audit.Resource{{ARN: "arn:a"}, {ARN: "arn:b", Type: "AWS::DynamoDB::Table"}},
	}
	out, err = lookup(&fakeLog{found: []audit.Found{found}, next: "more"})
	if err != nil {
		t.Fatal(err)
	}
	e := out.Events[0]
	if *out.NextToken != "more" || *e.EventId != "id" || !e.EventTime.Equal(noon) || *e.EventName != "PutItem" || *e.ReadOnly != "true" ||
		*e.EventSource != "dynamodb.amazonaws.com" || *e.CloudTrailEvent != `{"a":1}` || e.Username != nil || e.AccessKeyId != nil {
		t.Errorf("%+v", e)
	}
	if r := e.Resources; len(r) != 2 || *r[0].ResourceName != "arn:a" || r[0].ResourceType != nil || *r[1].ResourceType != "AWS::DynamoDB::Table" {
		t.Errorf("%+v", e.Resources)
	}
}
