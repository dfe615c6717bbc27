package sigv4

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// Lookup finds the secret and the identity behind an access key id and, for temporary credentials, their session
// token. It fails with a fault of class UnknownAccessKey or ExpiredToken, or an internal one. It must not keep the
// strings: they belong to the request. The secret is not changed.
type Lookup func(ctx context.Context, accessKeyID, sessionToken string) (secret []byte, p *authn.Principal, err error)

// Options configure a Verifier.
type Options struct {
	// Lookup is required.
	Lookup Lookup
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Region says which regions a scope may name; nil accepts each that is well formed.
	Region func(region string) bool
	// CacheSize bounds the signing keys kept, 0 is 32768 (about 40 MB when full).
	CacheSize int
}

// Verifier checks signatures. It is safe for concurrent use.
type Verifier struct {
	lookup Lookup
	now    func() time.Time
	region func(string) bool
	plans  *planCache
	pool   sync.Pool
	dummy  []byte
}

// scratch is the memory of one verification.
type scratch struct {
	buf, query []byte
	params     []param
	d          digest
	sum        [32]byte
	plan       plan // made for a signature that was not seen before
}

// maxScratch is the largest buffer that goes back into the pool.
const maxScratch = 64 << 10

// NewVerifier makes a Verifier. It panics without a Lookup, which is a mistake of the program.
func NewVerifier(o Options) *Verifier {
	if o.Lookup == nil {
		panic("sigv4: Options.Lookup is nil")
	}
	v := &Verifier{lookup: o.Lookup, now: o.Now, region: o.Region, dummy: make([]byte, 40)}
	if v.now == nil {
		v.now = time.Now
	}
	if o.CacheSize == 0 {
		o.CacheSize = 32768
	}
	v.plans = newPlanCache(o.CacheSize)
	rand.Read(v.dummy) // never fails (crypto/rand)
	v.pool.New = func() any { return &scratch{buf: make([]byte, 0, 2048), d: newDigest()} }
	return v
}

// Verify checks the signature that Parse read from r, which must not change in between, against the body, and returns who
// signed. service is the signing
// name of the service that the request was routed to; "" skips that check. The errors are faults of the classes
// IncompleteSignature, InvalidSignature, RequestExpired, UnknownAccessKey and ExpiredToken, and internal ones of the
// Lookup. A key that is not known costs the same work as one that is, against a secret nobody has.
func (v *Verifier) Verify(ctx context.Context, r *http.Request, sig *Signature, body []byte, service string) (
	*authn.Principal, error,
) {
	ru := rulesOf(sig.Service)
	if err := v.checkScope(sig, ru, service); err != nil {
		return nil, err
	}
	s := v.pool.Get().(*scratch)
	defer v.release(s)
	if err := s.stringToSign(r, sig, ru, body); err != nil {
		return nil, err
	}
	secret, p, lookupErr := v.lookup(ctx, sig.AccessKeyID, sig.SessionToken)
	if lookupErr == nil && (len(secret) == 0 || p == nil) {
		lookupErr = &fault.Error{Class: fault.UnknownAccessKey, Message: "The security token included in the request is invalid."}
	}
	if lookupErr != nil {
		secret = v.dummy
	}
	ok, err := v.match(s, sig, secret, lookupErr == nil)
	switch {
	case lookupErr != nil:
		return nil, lookupErr
	case err != nil:
		return nil, fault.Wrap(err, "hash signature")
	case !ok:
		return nil, errMismatch()
	}
	return p, nil
}

func (v *Verifier) release(s *scratch) {
	if cap(s.buf) > maxScratch || cap(s.query) > maxScratch || cap(s.params) > maxScratch/64 {
		return
	}
	v.pool.Put(s)
}

// match compares the signature with the one of the string in s.buf, in constant time. Only what made a valid signature is
// kept, so that nobody without a key can push others out of the cache.
func (v *Verifier) match(s *scratch, sig *Signature, secret []byte, keep bool) (bool, error) {
	p := sig.plan
	if p == nil { // the query form, or a Signature of the function Parse
		p = v.plans.find(sig.cacheKey)
	}
	cached := p != nil && p.secretIs(secret)
	if !cached {
		p = &s.plan
		if err := p.key.deriveKey(s.d, secret, sig.Date, sig.Region, sig.Service); err != nil {
			return false, err
		}
	}
	if err := p.key.sum(s.d, &s.sum, s.buf); err != nil {
		return false, err
	}
	ok := subtle.ConstantTimeCompare(s.sum[:], sig.mac[:]) == 1 && sig.macOK
	if ok && keep && !cached && sig.cacheKey != "" {
		v.keep(s, sig, secret)
	}
	return ok, nil
}

// keep remembers how the signature was taken apart, and its key.
func (v *Verifier) keep(s *scratch, sig *Signature, secret []byte) {
	from := &s.plan
	if sig.plan != nil {
		from = sig.plan
	}
	p := clonePlan(sig, from)
	p.secret, p.key = append([]byte(nil), secret...), s.plan.key
	v.plans.share(p)
	v.plans.put(sig.cacheKey, p)
}

// checkScope checks what does not depend on the secret: service, region, day and time.
func (v *Verifier) checkScope(sig *Signature, ru *rules, service string) error {
	if service != "" && service != sig.Service {
		return fault.New(fault.InvalidSignature, "Credential should be scoped to correct service: '%s'.", service)
	}
	if v.region != nil && !v.region(sig.Region) {
		return fault.New(fault.InvalidSignature, "Credential should be scoped to a valid region.")
	}
	if !sameDay(sig) {
		return errScopeDate(sig)
	}
	if err := checkTime(sig, ru, v.now().UTC()); err != nil {
		return err
	}
	return nil
}

func sameDay(sig *Signature) bool {
	if sig.timestamp != "" {
		return sig.timestamp[:8] == sig.Date
	}
	return sig.Time.Format("20060102") == sig.Date
}

func checkTime(sig *Signature, ru *rules, now time.Time) *fault.Error {
	age := now.Sub(sig.Time)
	switch {
	case age < -ru.skew:
		return errNotYet(sig, ru, now)
	case sig.hasExpires && age > sig.Expires:
		return errPresignExpired(sig, ru, now)
	case !sig.hasExpires && age > ru.skew:
		return errExpired(sig, ru, now)
	}
	return nil
}

// stringToSign writes the canonical request into s.buf, hashes it, and leaves the string to sign there.
func (s *scratch) stringToSign(r *http.Request, sig *Signature, ru *rules, body []byte) error {
	if err := s.canonical(r, sig, ru, body); err != nil {
		return err
	}
	s.sum = sha256.Sum256(s.buf)
	b := append(s.buf[:0], Algorithm+"\n"...)
	if sig.timestamp != "" {
		b = append(b, sig.timestamp...)
	} else {
		b = sig.Time.AppendFormat(b, isoBasic)
	}
	b = append(b, '\n')
	b = append(b, sig.scope...)
	b = append(b, '\n')
	s.buf = appendHex(b, &s.sum)
	return nil
}

// canonical writes the canonical request of r into s.buf.
func (s *scratch) canonical(r *http.Request, sig *Signature, ru *rules, body []byte) error {
	b := append(s.buf[:0], r.Method...)
	b = append(b, '\n')
	b, ok := appendPath(b, wirePath(r.URL), ru)
	b = append(b, '\n')
	if !ok {
		return errMismatch()
	}
	if r.URL.RawQuery != "" {
		if b, ok = s.appendQuery(b, r.URL.RawQuery, sig.Presigned); !ok {
			return errMismatch()
		}
	}
	b = append(b, '\n')
	p, err := s.headers(sig)
	if err != nil {
		return err
	}
	b, err = appendHeaders(b, r, sig, p)
	if err != nil {
		return err
	}
	if b, err = s.appendPayload(b, sig, ru, body); err != nil {
		return err
	}
	s.buf = b
	return nil
}

// headers returns the plan with the signed headers of sig.
func (s *scratch) headers(sig *Signature) (*plan, *fault.Error) {
	if sig.plan != nil {
		return sig.plan, nil
	}
	s.plan = plan{}
	if len(sig.signedHeaders) > maxSignedHeaders {
		return nil, incomplete("SignedHeaders is longer than %d characters.", maxSignedHeaders)
	}
	if !s.plan.compileHeaders(sig.signedHeaders) {
		return nil, errMismatch()
	}
	return &s.plan, nil
}

// appendPayload appends the hash of the body, or what stands in for it.
func (s *scratch) appendPayload(b []byte, sig *Signature, ru *rules, body []byte) ([]byte, *fault.Error) {
	payload := sig.payload
	switch {
	case payload == "" && ru.contentHash && sig.Presigned, payload == UnsignedPayload && ru.unsignedPayload:
		return append(b, UnsignedPayload...), nil
	case payload == "" && ru.contentHash:
		e := incomplete("Missing required header for this request: x-amz-content-sha256")
		e.Code = "InvalidRequest"
		return b, e
	case ru.contentHash && len(payload) > 10 && payload[:10] == "STREAMING-":
		return b, fault.New(fault.Unsupported, "A header you provided implies functionality that is not implemented: "+
			"x-amz-content-sha256 %.64s", payload)
	}
	s.sum = sha256.Sum256(body)
	n := len(b)
	b = appendHex(b, &s.sum)
	if payload != "" && string(b[n:]) != payload {
		if ru.contentHash {
			e := fault.New(fault.InvalidSignature, "The provided 'x-amz-content-sha256' header does not match what was computed.")
			e.Code = "XAmzContentSHA256Mismatch"
			return b, e
		}
		return b, errMismatch()
	}
	return b, nil
}

// hexPairs has the two digits of every byte.
var hexPairs = func() (t [256][2]byte) {
	const digits = "0123456789abcdef"
	for i := range t {
		t[i] = [2]byte{digits[i>>4], digits[i&15]}
	}
	return t
}()

func appendHex(b []byte, sum *[32]byte) []byte {
	var out [64]byte
	for i, c := range sum {
		p := &hexPairs[c]
		out[2*i], out[2*i+1] = p[0], p[1]
	}
	return append(b, out[:]...)
}
