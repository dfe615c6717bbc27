package app

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/tableengine"
)

// metrics are the server's Prometheus metrics. Labels are bounded: names of operations and error codes, never of
// tenants or resources.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	tables   *prometheus.HistogramVec

	mu    sync.RWMutex
	known map[observed]series // there are as many as label values
}

// observed is what tells series apart.
type observed struct {
	service, operation, code string
	status                   int
}

// series are those of one kind of outcome.
type series struct {
	count prometheus.Counter
	took  prometheus.Observer
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_requests_total", Help: "Finished API requests.",
		}, []string{"service", "operation", "status", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_request_duration_seconds", Help: "Time from a request's headers to its answer.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 18),
		}, []string{"service", "operation"}),
		tables: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_tables_engine_duration_seconds", Help: "Time of requests to the outside table engine (--tables), by what came of them.",
			Buckets: prometheus.ExponentialBuckets(250e-6, 2, 17),
		}, []string{"operation", "outcome"}),
		known: map[observed]series{},
	}
	m.registry.MustRegister(m.requests, m.duration, m.tables, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(o pipeline.Observation) {
	k := observed{o.Service, o.Operation, o.Code, o.Status}
	m.mu.RLock()
	s, ok := m.known[k]
	m.mu.RUnlock()
	if !ok {
		s = series{
			count: m.requests.WithLabelValues(o.Service, o.Operation, strconv.Itoa(o.Status), o.Code),
			took:  m.duration.WithLabelValues(o.Service, o.Operation),
		}
		m.mu.Lock()
		m.known[k] = s
		m.mu.Unlock()
	}
	s.count.Inc()
	s.took.Observe(o.Took.Seconds())
}

// observeTables counts a request to the outside table engine.
func (m *metrics) observeTables(operation string, o tableengine.Outcome, took time.Duration) {
	m.tables.WithLabelValues(operation, string(o)).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
