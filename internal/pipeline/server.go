package pipeline

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/sigv4"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/peer"
	"github.com/bulkhead/bulkhead/internal/protocol"
)

// Partition is the first part of every ARN.
const Partition = "aws"

// Service is a service with its operations, as generated code makes them.
type Service struct {
	API *protocol.Service
	Ops []Op
	// Internal names a service whose operations no AWS protocol reaches: only Serve and Invoke run them, by this name. ""
	// is a service for everybody.
	Internal string
}

// Config is what a Server is made of. All fields but Metrics, Tracer and Now are required.
type Config struct {
	Services []Service
	Verifier *sigv4.Verifier
	Engine   *authz.Engine
	Audit    Auditor
	// Account is the default account, which anonymous requests are counted to. Region is their region.
	Account, Region string
	// Sealer makes the encoded authorization messages of denials.
	Sealer MessageSealer
	Log    *slog.Logger
	// Used is told who used which service, once the request is authenticated; nil tells nobody. It must not block.
	Used func(p *authn.Principal, service, region string, at time.Time)
	// Observe is told of every finished request; nil tells nobody.
	Observe func(Observation)
	// Tracer makes a span for every request; nil makes none.
	Tracer trace.Tracer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Observation is a finished request, for metrics.
type Observation struct {
	Service, Operation string // "" if the request did not get that far
	Status             int
	Code               string // error code, "" if none
	Took               time.Duration
}

// Server runs requests. It is an http.Handler and safe for concurrent use.
type Server struct {
	Config
	routes *routes
	flood  flood
}

// New checks the configuration and returns a Server.
func New(c Config) (*Server, error) {
	if c.Verifier == nil || c.Engine == nil || c.Audit == nil || c.Sealer == nil || c.Log == nil {
		return nil, errors.New("pipeline: incomplete configuration")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r, err := newRoutes(c.Services)
	if err != nil {
		return nil, err
	}
	return &Server{Config: c, routes: r}, nil
}

// run is the state of one request on its way.
type run struct {
	*Server
	ctx  context.Context
	req  *http.Request
	span trace.Span

	api    *protocol.Service // nil until routed
	op     *Op
	labels map[string]string
	sig    *sigv4.Signature // nil for unsigned requests
	body   []byte
	form   any // of the query protocol, for its decoder
	call   Call

	parsed sigv4.Signature   // what sig points to
	wire   protocol.Request  // what is decoded
	resp   protocol.Response // the answer
}

var noSpan = trace.SpanFromContext(context.Background())

// nobody is the caller of requests without credentials.
var nobody = &authn.Principal{}

// ServeHTTP answers one request of an AWS API.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if shareWithScripts(w.Header(), req) {
		w.WriteHeader(http.StatusOK)
		return
	}
	began := s.Now()
	r := &run{Server: s, ctx: req.Context(), req: req, span: noSpan}
	if s.Tracer != nil {
		r.ctx, r.span = s.Tracer.Start(r.ctx, "aws.request", trace.WithSpanKind(trace.SpanKindServer))
		defer r.span.End()
	}
	s.begin(&r.call, req, began)
	room := rooms.Get().(*room) // the pool holds nothing else
	r.resp = protocol.Response{RequestID: r.call.RequestID, Status: http.StatusOK, Header: w.Header(), Body: room[:0]}
	err := r.serveSafely()
	code := ""
	if err != nil {
		code = r.fail(&r.resp, fault.From(err))
	}
	if r.write(w) == nil && err == nil {
		clear(room[:min(len(room), len(r.resp.Body))]) // of tokens and keys
		rooms.Put(room)
	}
	r.observe(r.resp.Status, code)
}

// room is memory for the body of an answer. One that is larger gets other memory. It is used again once an answer is written, by which time
// nobody has it: a ResponseWriter keeps nothing of what it was given, unless, perhaps, it fails.
type room [16 << 10]byte

var rooms = sync.Pool{New: func() any { return new(room) }}

// begin fills in what is known of any request.
func (s *Server) begin(c *Call, req *http.Request, now time.Time) {
	*c = Call{
		RequestID: newRequestID(), Caller: nobody, Account: s.Account, Region: s.Region, Now: now,
		UserAgent: clip(req.UserAgent(), 512), Referer: clip(req.Referer(), 512), Secure: peer.Secure(req),
		Host: req.Host, server: s,
	}
	c.SourceIP = peer.Addr(req)
}

// write sends the answer, in one piece and with its length, so that no answer is chunked.
func (r *run) write(w http.ResponseWriter) error {
	if !r.call.EventID.IsZero() {
		r.resp.SetHeader(EventIDHeader, r.call.EventID.String())
	}
	r.resp.SetHeader("Content-Length", strconv.Itoa(len(r.resp.Body)))
	w.WriteHeader(r.resp.Status)
	_, err := w.Write(r.resp.Body)
	if err != nil {
		r.Log.DebugContext(r.ctx, "answer not delivered", "requestId", r.call.RequestID, "error", err)
	}
	return err
}

// serveSafely is serve; a panic in any stage refuses the one request, which is audited.
func (r *run) serveSafely() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = r.refuse(panicked(p))
		}
	}()
	return r.serve(&r.resp)
}

// serve takes the request through the stages.
func (r *run) serve(resp *protocol.Response) error {
	if err := r.route(); err != nil {
		return r.refuse(err)
	}
	if err := r.authenticate(); err != nil {
		return r.refuse(err)
	}
	in, err := r.decode()
	if err != nil {
		return r.refuse(err)
	}
	out, err := r.call.do(r.ctx, r.op, in)
	if err != nil {
		return err
	}
	resp.Status = max(r.op.Status, http.StatusOK)
	if err := r.op.encode(resp, out); err != nil {
		return fault.Wrap(err, "encode answer")
	}
	return nil
}

// decode reads the body into the operation's input. It runs only after the signature holds.
func (r *run) decode() (any, error) {
	var query url.Values // reading a nil one is fine
	if r.req.URL.RawQuery != "" {
		query = r.req.URL.Query()
	}
	r.wire = protocol.Request{
		Method: r.req.Method, Path: r.req.URL.EscapedPath(), Labels: r.labels, Query: query, Header: r.req.Header, Body: r.body,
		Form: r.form,
	}
	return r.op.decode(&r.wire)
}

// fail writes the error in the terms of the service, or in generic ones if none was found.
func (r *run) fail(resp *protocol.Response, f *fault.Error) string {
	api := r.api
	if api == nil {
		api = r.routes.fallback(r.req)
	}
	level := slog.LevelInfo
	if f.Class == fault.Internal || f.Class == fault.Unavailable {
		level = slog.LevelError
		r.span.SetStatus(codes.Error, f.Class.String())
	}
	r.logFailure(r.ctx, level, r.call.RequestID, api.Name, r.opName(), f)
	resp.Status, resp.Body = 0, nil
	api.Protocol.EncodeError(api, resp, f)
	if f.Code != "" {
		return f.Code
	}
	return f.Class.String()
}

// logFailure logs what is known of a failure.
func (s *Server) logFailure(ctx context.Context, level slog.Level, requestID, service, operation string, f *fault.Error) {
	attrs := []slog.Attr{
		slog.String("requestId", requestID), slog.String("service", service), slog.String("operation", operation),
		slog.String("class", f.Class.String()),
	}
	if f.Code != "" {
		attrs = append(attrs, slog.String("code", f.Code))
	}
	if f.Cause != nil {
		attrs = append(attrs, slog.Any("cause", f.Cause))
	}
	s.Log.LogAttrs(ctx, level, "request failed", attrs...)
}

func (r *run) opName() string {
	if r.op == nil {
		return ""
	}
	return r.op.Name
}

func (r *run) observe(status int, code string) {
	o := Observation{Operation: r.opName(), Status: status, Code: code, Took: r.Now().Sub(r.call.Now)}
	if r.api != nil {
		o.Service = r.api.Name
	}
	if r.Observe != nil {
		r.Observe(o)
	}
	if r.Log.Enabled(r.ctx, slog.LevelDebug) {
		r.Log.DebugContext(r.ctx, "request", "requestId", r.call.RequestID, "eventId", r.call.EventID.String(), "service", o.Service,
			"operation", o.Operation, "caller", r.call.Caller.ARN, "status", status, "code", code, "took", o.Took)
	}
	if !r.span.IsRecording() {
		return
	}
	r.span.SetAttributes(attribute.String("rpc.system", "aws-api"), attribute.String("rpc.service", o.Service),
		attribute.String("rpc.method", o.Operation), attribute.String("aws.request_id", r.call.RequestID),
		attribute.Int("http.response.status_code", status))
	if o.Operation != "" {
		r.span.SetName(o.Service + "." + o.Operation)
	}
}

// newRequestID returns a random version 4 UUID (RFC 9562 section 5.4). It tells requests apart and is no secret.
func newRequestID() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64()) //nolint:gosec // ids must be unique, not unpredictable
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64()) //nolint:gosec // likewise
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:], b[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// clip cuts s to at most n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
