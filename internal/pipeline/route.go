package pipeline

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bulkhead/bulkhead/internal/authn/sigv4"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/awsquery"
)

// routes finds the service and operation of a request, from headers alone but for the query protocol, whose operation is
// in the body.
type routes struct {
	internal map[string]*bound // by Service.Internal; no request is routed there
	services map[string]*bound // by signing name
	targets  map[string]*bound // by the prefix of X-Amz-Target
	versions map[string]*bound // by the Version parameter of the query protocol
	rest     []restRoute
	first    *protocol.Service
	xml      *protocol.Service
}

type bound struct {
	api         *protocol.Service
	ops         map[string]*Op
	unsupported map[string]bool
}

// restRoute is a REST operation: "/a/{Id}/b" split at slashes.
type restRoute struct {
	svc    *bound
	op     *Op
	path   []string
	method string
}

func newRoutes(services []Service) (*routes, error) {
	rt := &routes{internal: map[string]*bound{}, services: map[string]*bound{}, targets: map[string]*bound{}, versions: map[string]*bound{}}
	for _, s := range services {
		b := &bound{api: s.API, ops: map[string]*Op{}, unsupported: map[string]bool{}}
		for _, name := range s.API.Unsupported {
			b.unsupported[name] = true
		}
		if s.Internal != "" {
			if err := rt.addInternal(b, &s); err != nil {
				return nil, err
			}
			continue
		}
		// An API that shares another's signing name (DynamoDB Streams) is found by its targets only.
		if rt.services[s.API.Name] == nil {
			rt.services[s.API.Name] = b
		} else if len(s.API.TargetPrefixes) == 0 {
			return nil, fmt.Errorf("pipeline: service %s twice", s.API.Name)
		}
		for _, t := range s.API.TargetPrefixes {
			if rt.targets[t] != nil {
				return nil, fmt.Errorf("pipeline: target %s twice", t)
			}
			rt.targets[t] = b
		}
		if s.API.Protocol.Name() == "awsQuery" {
			if rt.versions[s.API.APIVersion] != nil {
				return nil, fmt.Errorf("pipeline: version %s of the query protocol twice", s.API.APIVersion)
			}
			rt.versions[s.API.APIVersion] = b
			rt.xml = s.API
		} else if rt.first == nil {
			rt.first = s.API
		}
		for i := range s.Ops {
			if err := rt.add(b, &s.Ops[i]); err != nil {
				return nil, err
			}
		}
	}
	return rt, nil
}

// addInternal keeps a service where routing does not look.
func (rt *routes) addInternal(b *bound, s *Service) error {
	if rt.internal[s.Internal] != nil {
		return fmt.Errorf("pipeline: internal service %s twice", s.Internal)
	}
	rt.internal[s.Internal] = b
	for i := range s.Ops {
		if err := b.add(&s.Ops[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *bound) add(op *Op) error {
	if op.decode == nil || op.Kind == 0 || b.ops[op.Name] != nil {
		return fmt.Errorf("pipeline: operation %s.%s is not complete or there twice", b.api.Name, op.Name)
	}
	b.ops[op.Name] = op
	return nil
}

// find returns an operation of a service, for the server's own callers.
func (rt *routes) find(service, operation string) *Op {
	b := rt.services[service]
	if b == nil {
		b = rt.internal[service]
	}
	if b == nil {
		return nil
	}
	return b.ops[operation]
}

func (rt *routes) add(b *bound, op *Op) error {
	if err := b.add(op); err != nil {
		return err
	}
	if op.Path != "" {
		rt.rest = append(rt.rest, restRoute{b, op, strings.Split(op.Path, "/"), op.Method})
	}
	return nil
}

// fallback is the service in whose terms a request is refused that belongs to none.
func (rt *routes) fallback(req *http.Request) *protocol.Service {
	json := req.Header.Get("X-Amz-Target") != "" || strings.Contains(req.Header.Get("Content-Type"), "json")
	if rt.first == nil || rt.xml != nil && !json {
		return rt.xml
	}
	return rt.first
}

// route finds the service and, but for the query protocol, the operation.
func (r *run) route() error {
	if len(r.req.Header.Values("X-Amz-Target")) > 1 {
		return fault.New(fault.UnknownOperation, "The request has several X-Amz-Target headers.")
	}
	sig, err := r.parseSignature()
	if err != nil {
		r.guessService(nil)
		return err
	}
	r.sig = sig
	if target := r.req.Header.Get("X-Amz-Target"); target != "" {
		return r.routeTarget(target)
	}
	if found, err := r.routeREST(); found || err != nil {
		return err
	}
	if b := r.guessService(sig); b == nil {
		return fault.New(fault.UnknownOperation, "No operation is at this path. Set the client's endpoint URL to the server's "+
			"address, without a path.")
	}
	return nil
}

// parseSignature reads the claimed signature; nil without an error for unsigned requests.
func (r *run) parseSignature() (*sigv4.Signature, error) {
	sig, err := r.Verifier.Parse(r.req)
	if err == nil {
		r.parsed = sig
		return &r.parsed, nil
	}
	if fault.IsClass(err, fault.MissingAuthentication) {
		return nil, nil
	}
	return nil, err
}

func (r *run) routeTarget(target string) error {
	prefix, name, ok := cutLast(target, '.')
	b := r.routes.targets[prefix]
	if !ok || b == nil {
		return fault.New(fault.UnknownOperation, "")
	}
	r.api = b.api
	if r.req.Method != http.MethodPost {
		return fault.New(fault.MethodNotAllowed, "The operation is called with POST.")
	}
	return r.setOp(b, name)
}

func (r *run) setOp(b *bound, name string) error {
	r.api = b.api
	op := b.ops[name]
	if op == nil {
		if b.unsupported[name] {
			return fault.New(fault.Unsupported, "%s %s is not supported by Bulkhead yet; docs/coverage.md lists what is.",
				b.api.ID, name)
		}
		return unknownOp(b.api, name)
	}
	r.op = op
	return nil
}

func unknownOp(api *protocol.Service, name string) error {
	if api.Protocol.Name() == "awsQuery" {
		return fault.New(fault.UnknownOperation, "Could not find operation %s for version %s", clip(name, 128), api.APIVersion)
	}
	return fault.New(fault.UnknownOperation, "")
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// routeREST matches the path against the REST operations.
func (r *run) routeREST() (bool, error) {
	parts := strings.Split(r.req.URL.EscapedPath(), "/")
	var wrongMethod *bound
	for i := range r.routes.rest {
		rr := &r.routes.rest[i]
		labels, ok := rr.match(parts)
		if !ok {
			continue
		}
		if rr.method != r.req.Method {
			wrongMethod = rr.svc
			continue
		}
		r.api, r.op, r.labels = rr.svc.api, rr.op, labels
		return true, nil
	}
	if wrongMethod != nil {
		r.api = wrongMethod.api
		return true, fault.New(fault.MethodNotAllowed, "No operation at this path has the method %s.", r.req.Method)
	}
	return false, nil
}

func (rr *restRoute) match(parts []string) (map[string]string, bool) {
	if len(parts) != len(rr.path) {
		return nil, false
	}
	var labels map[string]string
	for i, p := range rr.path {
		if !strings.HasPrefix(p, "{") {
			if p != parts[i] {
				return nil, false
			}
			continue
		}
		v, err := url.PathUnescape(parts[i])
		if err != nil || v == "" {
			return nil, false
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[strings.Trim(p, "{}")] = v
	}
	return labels, true
}

// guessService finds the service of a request of the query protocol: by credential scope, host, or the Version
// parameter in the URL; for unsigned requests, whose body says it, it is found once that is read.
func (r *run) guessService(sig *sigv4.Signature) *bound {
	var b *bound
	switch {
	case sig != nil:
		b = r.routes.services[sig.Service]
	case r.routes.targets[r.req.Header.Get("X-Amz-Target")] != nil:
		b = r.routes.targets[r.req.Header.Get("X-Amz-Target")]
	default:
		label, _, _ := strings.Cut(r.req.Host, ".")
		if b = r.routes.services[label]; b == nil {
			b = r.routes.versions[r.req.URL.Query().Get("Version")]
		}
		if b == nil && isForm(r.req) {
			b = r.routes.services["sts"]
		}
	}
	if b != nil {
		r.api = b.api
	}
	return b
}

func isForm(req *http.Request) bool {
	return strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// routeQuery finds the operation of the query protocol, whose name is the Action parameter.
func (r *run) routeQuery() error {
	b := r.routes.services[r.api.Name]
	if r.api.Protocol.Name() != "awsQuery" {
		return fault.New(fault.UnknownOperation, "")
	}
	form, err := awsquery.ReadForm(r.req.Method, r.req.URL.RawQuery, r.body)
	if err != nil {
		return err
	}
	r.form = form
	if v := form.Child("Version").Text().S; r.sig == nil && r.routes.versions[v] != nil {
		b = r.routes.versions[v]
		r.api = b.api
	}
	action := form.Child("Action").Text().S
	if action == "" {
		return fault.New(fault.UnknownOperation, "Missing Action")
	}
	return r.setOp(b, action)
}
