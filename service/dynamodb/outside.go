package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/tableengine"
)

// The files outside*.go are about tables whose rows an outside engine keeps (docs/adr/0012-outside-table-engine.md). All that
// decides stays here: the table's record, its tags and policy, the guard, the check of each row that the engine returns. What
// cannot be done with such a table is refused by default: rows, inTable and changeTable do not open it.

// Engine sends one request of DynamoDB's JSON protocol to the engine that keeps rows outside of this server: a
// *tableengine.Client. Errors that the engine answered are *tableengine.Error; others mean that there was no answer.
type Engine interface {
	Call(ctx context.Context, operation string, body []byte) ([]byte, error)
}

// outside is what a table knows of its place in the outside engine.
type outside struct {
	// Name is the table's name there. Adopted is true for a table that was there before: it stays when the table here is deleted.
	Name    string
	Adopted bool `json:",omitempty"`
}

// errOutside is what operations answer that this server does not perform on rows that another engine keeps.
var errOutside = fault.New(fault.Unsupported, "This operation is not supported on a table whose rows an outside engine keeps.")

// elsewhere returns the table if an outside engine keeps its rows; nil if there is none or its rows are here. It costs nothing
// where no engine is configured: rows refuses such a table then.
func (s *Service) elsewhere(ctx context.Context, c *pipeline.Call, at place) (*table, error) {
	if s.engine == nil {
		return nil, nil
	}
	t, err := s.facts(ctx, at)
	if err != nil || t == nil || t.Outside == nil {
		return nil, err
	}
	return t, known(c, &t.res)
}

// ask sends a request about one table to the engine and reads its answer.
func (s *Service) ask(ctx context.Context, t *table, operation string, request, answer any) error {
	return s.askOf(ctx, map[string]string{t.Outside.Name: t.Name}, operation, request, answer)
}

// askOf sends a request to the engine. names are the names here of the tables it names, by those there.
func (s *Service) askOf(ctx context.Context, names map[string]string, operation string, request, answer any) error {
	body, err := json.Marshal(wire(reflect.ValueOf(request)))
	if err != nil {
		return fault.Wrap(err, "write a request to the table engine")
	}
	raw, err := s.engine.Call(ctx, operation, body)
	if err != nil {
		return engineError(err, names)
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return errEngine(fmt.Errorf("dynamodb: read the table engine's answer to %s: %w", operation, err))
	}
	return nil
}

// wire is a value of the API's shapes without the members that are absent, for encoding/json: the members of shapes are named as on
// the wire. Items write themselves.
func wire(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return wire(v.Elem())
	case reflect.Struct:
		if _, whole := v.Interface().(json.Marshaler); whole {
			return v.Interface()
		}
		out := make(map[string]any, v.NumField())
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				out[v.Type().Field(i).Name] = wire(f)
			}
		}
		return out
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Interface()
		}
		out := make([]any, v.Len())
		for i := range out {
			out[i] = wire(v.Index(i))
		}
		return out
	case reflect.Map:
		out := make(map[string]any, v.Len())
		for _, k := range v.MapKeys() {
			out[k.String()] = wire(v.MapIndex(k))
		}
		return out
	}
	return v.Interface()
}

// errEngine is what a caller hears of an engine that fails; why is in the log.
func errEngine(cause error) error {
	return fault.New(fault.Unavailable, "The table's engine cannot be used now.").With(cause)
}

// retelling is an error in this server's words.
type retelling struct {
	say  func(string, ...any) *fault.Error
	text string
}

// retold are errors of the engine that say nothing but what the caller may know.
var retold = map[string]retelling{
	"ProvisionedThroughputExceededException": {api.NewProvisionedThroughputExceededException, "The level of configured provisioned throughput " +
		"for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."},
	"RequestLimitExceeded":                     {api.NewRequestLimitExceeded, "Throughput exceeds the current throughput limit for your account."},
	"ThrottlingException":                      {api.NewThrottlingException, "Rate of requests exceeds the allowed throughput."},
	"TransactionConflictException":             {api.NewTransactionConflictException, "Transaction is ongoing for the item"},
	"TransactionInProgressException":           {api.NewTransactionInProgressException, "The transaction with the given request token is already in progress."},
	"ItemCollectionSizeLimitExceededException": {api.NewItemCollectionSizeLimitExceededException, "Item collection size limit exceeded"},
	"LimitExceededException":                   {api.NewLimitExceededException, "Subscriber limit exceeded"},
	"ResourceInUseException":                   {api.NewResourceInUseException, "Attempt to change a resource which is still in use"},
	"IdempotentParameterMismatchException": {api.NewIdempotentParameterMismatchException, "The provided client token is already in use with a " +
		"different request; the parameters of the request must be the same."},
}

// engineError tells what the engine answered in the terms of this server. What it says of a request is passed on, without its own
// names of tables; what it says of itself, its credentials or its failures is for the log.
func engineError(err error, names map[string]string) error {
	var e *tableengine.Error
	if !errors.As(err, &e) {
		return errEngine(err)
	}
	if r, ok := retold[e.Code]; ok {
		return r.say("%s", r.text).With(err)
	}
	switch e.Code {
	case "ResourceNotFoundException":
		return errNoTable
	case "ConditionalCheckFailedException":
		return conditionFailed(e)
	case "TransactionCanceledException":
		return canceledThere(e, names)
	case "ValidationException":
		return fault.New(fault.Validation, "%s", rename(e.Message, names)).With(err)
	case "UnknownOperationException":
		return fault.New(fault.Unsupported, "The table's engine does not support this operation.").With(err)
	}
	return errEngine(err)
}

// rename puts the names of tables here in the place of those there. Messages that could name more of the engine than that are not
// shown: where it is, and whose account it is in.
func rename(message string, names map[string]string) string {
	if strings.Contains(message, "arn:") || strings.Contains(message, "://") || len(message) > maxMessage {
		return "The table's engine refuses the request."
	}
	for there, here := range names {
		message = strings.ReplaceAll(message, there, here)
	}
	return message
}

// maxMessage is the longest message of an engine that callers are shown, in bytes.
const maxMessage = 2048

func conditionFailed(e *tableengine.Error) error {
	var doc struct{ Item item.Map }
	if err := json.Unmarshal(e.Body, &doc); err != nil {
		return fault.Wrap(err, "read the table engine's error")
	}
	return &item.ConditionFailedError{Item: doc.Item}
}

func canceledThere(e *tableengine.Error, names map[string]string) error {
	var doc struct {
		CancellationReasons []struct {
			Code, Message string
			Item          item.Map
		}
	}
	if err := json.Unmarshal(e.Body, &doc); err != nil || len(doc.CancellationReasons) == 0 {
		return fault.Wrap(errors.Join(err, e), "read why the table engine canceled a transaction")
	}
	c := &item.CanceledError{Reasons: make([]item.Reason, len(doc.CancellationReasons))}
	for i, r := range doc.CancellationReasons {
		c.Reasons[i] = item.Reason{Code: r.Code, Message: rename(r.Message, names), Item: r.Item}
	}
	return c
}

// refusedThere reports whether an error says that the engine did not perform a write. Of others it may have.
func refusedThere(err error) bool {
	var c *item.CanceledError
	if errors.As(err, &c) || errors.Is(err, errNoTable) {
		return true
	}
	f := fault.From(err)
	return f.Class != fault.Internal && f.Class != fault.Unavailable
}

func isValidation(err error) bool { return fault.IsClass(err, fault.Validation) }

// isTooLarge reports whether a validation of the engine's is about the size of a row.
func isTooLarge(err error) bool { return strings.Contains(fault.From(err).Message, "Item size") }

// far opens the rows of a table that the engine keeps, as rows does those that are here.
func (s *Service) far(ctx context.Context, c *pipeline.Call, t *table) (*farRows, error) {
	if _, ok := c.Grant.RowRule(t.ID); !ok {
		return nil, errNoTable
	}
	return newFarRows(ctx, s, c, t)
}
