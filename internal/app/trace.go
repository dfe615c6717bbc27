package app

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// newTracer returns a tracer that sends spans to the endpoint, and what stops it. Without an endpoint both are nil.
func newTracer(ctx context.Context, endpoint, node string) (trace.Tracer, func(context.Context) error, error) {
	if endpoint == "" {
		return nil, nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, nil, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	if strings.Trim(u.Path, "/") == "" { // the base of a collector, as OTEL_EXPORTER_OTLP_ENDPOINT has it
		u.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, nil, fmt.Errorf("--otlp-endpoint %s: %w", endpoint, err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(
		resource.NewSchemaless(attribute.String("service.name", "bulkhead"), attribute.String("service.instance.id", node))))
	return provider.Tracer("github.com/bulkhead/bulkhead"), provider.Shutdown, nil
}
