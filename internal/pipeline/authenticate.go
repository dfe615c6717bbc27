package pipeline

import (
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// authenticate reads the bounded body, checks the signature over it and sets who calls. Only then is the operation of
// the query protocol looked up, since its name is in the body.
func (r *run) authenticate() error {
	if r.sig == nil && r.op != nil && !r.op.Unsigned {
		return errUnsigned()
	}
	var err error
	if r.body, err = r.readBody(); err != nil {
		return err
	}
	if r.sig != nil {
		p, err := r.Verifier.Verify(r.ctx, r.req, r.sig, r.body, r.api.Name)
		if err != nil {
			return err
		}
		r.call.Caller, r.call.Account, r.call.Region = p, p.Account, r.sig.Region
		if r.Used != nil {
			r.Used(p, r.api.Name, r.call.Region, r.call.Now)
		}
	}
	if r.op == nil {
		if err := r.routeQuery(); err != nil {
			return err
		}
	}
	if r.sig == nil && !r.op.Unsigned {
		return errUnsigned()
	}
	return r.checkSession()
}

// checkSession refuses what temporary credentials of a user cannot call whatever policies say: IAM, and all but a little of
// STS ("Compare AWS STS credentials", IAM User Guide). With multi-factor authentication a user's session can.
func (r *run) checkSession() error {
	p := r.call.Caller
	federated := p.Kind == authn.FederatedUser
	if !p.Session() || !federated && (p.Kind == authn.AssumedRole || !p.MFAAt.IsZero()) {
		return nil
	}
	switch r.api.Name {
	case "iam":
	case "sts":
		switch r.op.Name {
		case "GetCallerIdentity", "GetSessionToken", "GetFederationToken": // the last two refuse sessions themselves
			return nil
		case "AssumeRole":
			if !federated {
				return nil
			}
		}
	default:
		return nil
	}
	return fault.New(fault.UnknownAccessKey, "The security token included in the request is invalid")
}

func errUnsigned() error {
	return fault.New(fault.MissingAuthentication, "Request is missing Authentication Token")
}

func (r *run) readBody() ([]byte, error) {
	limit := r.api.Protocol.MaxBody()
	if r.op != nil && r.op.MaxBody > 0 {
		limit = r.op.MaxBody
	}
	if r.req.ContentLength > limit {
		return nil, errTooLarge(limit)
	}
	if e := r.req.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, fault.New(fault.Serialization, "The content encoding %s is not supported.", clip(e, 64))
	}
	body := make([]byte, 0, min(max(512, r.req.ContentLength+1), firstRead))
	lr := io.LimitReader(r.req.Body, limit+1)
	for {
		n, err := lr.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > limit {
			return nil, errTooLarge(limit)
		}
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if len(body) == cap(body) {
			body = slices.Grow(body, min(len(body), int(limit)+1-len(body)))
		}
	}
}

func unreadable(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errTooLarge(tooLarge.Limit)
	}
	return fault.New(fault.Serialization, "The request body could not be read.").With(err)
}

func errTooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "The request body is larger than the %d bytes allowed.", limit)
}

// firstRead bounds what is allocated on a client's word about the length of its body.
const firstRead = 64 << 10
