package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"
)

// refusals are the error codes that say no; any other error is a fault of the demo or the server.
var refusals = map[string]bool{
	"AccessDenied": true, "InvalidParameterValue": true, "AccessDeniedException": true, "NotAuthorizedException": true, "InvalidIdentityToken": true,
	"InvalidCiphertextException": true, "IncorrectKeyException": true,
}

// eventHeader names the audit event of an answer.
const eventHeader = "X-Bulkhead-Event-Id"

// try runs an attempt on the own data and on the other tenant's and judges both.
func (d *demo) try(ctx context.Context, s *session, a *attempt) {
	r := &Attempt{Tenant: s.tenant, Level: a.level, Tried: a.tried, Own: "-", Other: "-"}
	if a.only != "other" {
		err := a.do(ctx, s, s.tenant)
		r.Own = outcome(err)
		r.Broken = err != nil
	}
	err := a.do(ctx, s, s.other)
	r.Other = outcome(err)
	switch {
	case err == nil:
		r.Crossed = true
	case errors.Is(err, errHidden):
	case !refusals[r.Other]:
		r.Broken = true
	}
	r.Event = d.events.last
	r.refusal = err
	if r.Crossed {
		d.result.Crossed++
	}
	if r.Broken {
		d.result.Broken++
	}
	d.result.Attempts = append(d.result.Attempts, r)
}

func outcome(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, errHidden):
		return "nothing shown"
	case errors.As(err, &api):
		return api.ErrorCode()
	}
	return "error: " + err.Error()
}

// events remembers the audit event that the last answer named.
type events struct {
	http.RoundTripper
	last string
}

// RoundTrip implements http.RoundTripper.
func (e *events) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := e.RoundTripper.RoundTrip(r)
	if err == nil {
		e.last = resp.Header.Get(eventHeader)
	}
	return resp, err
}

// explain asks the audit log, as the operator, what decided each attempt.
func (d *demo) explain(ctx context.Context) error {
	for _, r := range d.result.Attempts {
		if r.Decided == "" {
			r.Decided = d.decidedBy(ctx, r.Event, r.refusal)
		}
	}
	return nil
}

// decidedBy asks the audit log, as the operator, what decided.
func (d *demo) decidedBy(ctx context.Context, event string, refusal error) string {
	if event == "" {
		return ""
	}
	text, err := d.lookup(ctx, event)
	if err != nil {
		return err.Error()
	}
	var e struct {
		AdditionalEventData struct{ Decision, Statement, Policy, Unmet, Guard string }
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return "audit event: " + err.Error()
	}
	dec := e.AdditionalEventData
	parts := []string{dec.Decision}
	if dec.Policy != "" {
		parts = append(parts, dec.Policy+" "+dec.Statement)
	}
	for _, p := range []string{dec.Unmet, dec.Guard} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if dec.Guard == "" && (dec.Decision == "Allow" || dec.Policy == "") {
		var api smithy.APIError
		if errors.As(refusal, &api) && strings.HasPrefix(api.ErrorCode(), "AccessDenied") {
			return dec.Decision + ", no statement allows the action"
		}
		if api != nil {
			msg, _, _ := strings.Cut(api.ErrorMessage(), ".")
			return msg
		}
	}
	return strings.Join(parts, ", ")
}

// lookup finds an event by id. Events of data operations may take 100 ms to be there.
func (d *demo) lookup(ctx context.Context, event string) (string, error) {
	in := &cloudtrail.LookupEventsInput{LookupAttributes: []cttypes.LookupAttribute{
		{AttributeKey: cttypes.LookupAttributeKeyEventId, AttributeValue: aws.String(event)},
	}}
	for deadline := time.Now().Add(auditDelay); ; {
		out, err := d.trail.LookupEvents(ctx, in)
		if err != nil {
			return "", fmt.Errorf("look up the audit event: %w", err)
		}
		if len(out.Events) > 0 {
			return aws.ToString(out.Events[0].CloudTrailEvent), nil
		}
		if time.Now().After(deadline) {
			return "", errors.New("not in the audit log")
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(auditDelay / 20):
		}
	}
}

// auditDelay is how long an event is waited for.
const auditDelay = 2 * time.Second
