// Package saml is the service provider's half of SAML 2.0's web browser SSO and single logout profiles: metadata, requests,
// and above all the check of responses that any browser can bring. It keeps no state and does no network calls.
//
// Signatures are checked by goxmldsig, over documents that were parsed once, strictly: no document type, no comments, no
// processing instructions, each ID once, signatures only where they belong. What is read is only ever the canonical form
// that a signature was good for, parsed anew, so that there is nothing for a signature to be wrapped around ("On Breaking
// SAML", XSW1 to XSW8). Encrypted assertions are opened here: the Go libraries for it take key transport that leaks, and
// panic on short input.
package saml

import (
	"errors"
	"time"
)

// Namespaces, bindings and formats (SAML 2.0 Core, Bindings, Metadata).
const (
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	nsXMLEnc    = "http://www.w3.org/2001/04/xmlenc#"

	// BindingRedirect and BindingPost are how messages travel through the browser.
	BindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	BindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

	statusSuccess = "urn:oasis:names:tc:SAML:2.0:status:Success"
	methodBearer  = "urn:oasis:names:tc:SAML:2.0:cm:bearer" //nolint:gosec // a name of the standard
	version       = "2.0"
)

// Bounds of what others send.
const (
	// MaxMessage is the longest message that is read, in bytes of XML. A SAMLResponse is that in base64.
	MaxMessage = 256 << 10
	// MaxMetadata is the longest metadata document, in bytes.
	MaxMetadata = 256 << 10
	// MaxName bounds a NameID, in bytes (Core section 8.3.7 has 256 characters for persistent ones).
	MaxName     = 1024
	maxDepth    = 40
	maxElements = 4000
	// maxInScope bounds the attributes, namespaces among them, of an element and those around it: comparing them, and
	// canonicalization, take time by their number at each element.
	maxInScope   = 256
	maxValues    = 500
	maxIDLength  = 256
	maxAttribute = 16 << 10
)

// DefaultSkew is how far clocks may differ.
const DefaultSkew = 3 * time.Minute

// What is wrong with a response, where a caller has words of its own for it. Other errors say what else was wrong; none is
// for the user.
var (
	// ErrSignature is for what is not signed as it must be.
	ErrSignature = errors.New("saml: the signature does not hold")
	// ErrIssuer is for what another provider says.
	ErrIssuer = errors.New("saml: the assertion is of another issuer")
	// ErrAudience is for what is said to somebody else.
	ErrAudience = errors.New("saml: the assertion is for another audience")
	// ErrExpired is for what is said too late.
	ErrExpired = errors.New("saml: the assertion is expired")
)
