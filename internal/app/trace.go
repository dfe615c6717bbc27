package app

import (
	"context"
	"fmt"

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
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, nil, fmt.Errorf("--otlp-endpoint %s: %w", endpoint, err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(
		resource.NewSchemaless(attribute.String("service.name", "bulkhead"), attribute.String("service.instance.id", node))))
	return provider.Tracer("github.com/bulkhead/bulkhead"), provider.Shutdown, nil
}
