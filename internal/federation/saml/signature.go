package saml

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// The algorithms that are accepted: no SHA-1, no MD5, no HMAC, whose key would be public.
var (
	signatureMethods = map[string]x509.SignatureAlgorithm{
		dsig.RSASHA256SignatureMethod: x509.SHA256WithRSA, dsig.RSASHA384SignatureMethod: x509.SHA384WithRSA,
		dsig.RSASHA512SignatureMethod: x509.SHA512WithRSA,
	}
	digestMethods = map[string]bool{
		"http://www.w3.org/2001/04/xmlenc#sha256": true, "http://www.w3.org/2001/04/xmldsig-more#sha384": true,
		"http://www.w3.org/2001/04/xmlenc#sha512": true,
	}
	canonicalizations = map[string]bool{
		string(dsig.CanonicalXML10ExclusiveAlgorithmId): true, string(dsig.CanonicalXML11AlgorithmId): true,
		string(dsig.CanonicalXML10RecAlgorithmId): true,
	}
)

// signatureOf returns the signature of an element, nil if it has none, and refuses one of any other form than SAML's: one
// reference, to the element itself, enveloped (Core section 5.4).
func signatureOf(el *etree.Element) (*etree.Element, error) {
	sig, err := one(el, nsSignature, "Signature")
	if err != nil || sig == nil {
		return nil, err
	}
	info, err := one(sig, nsSignature, "SignedInfo")
	if err != nil || info == nil {
		return nil, ErrSignature
	}
	id := el.SelectAttrValue("ID", "")
	refs := children(info, nsSignature, "Reference")
	switch {
	case id == "" || len(refs) != 1 || refs[0].SelectAttrValue("URI", "") != "#"+id:
		return nil, fmt.Errorf("%w: it is not of the element", ErrSignature)
	case len(children(sig, nsSignature, "Object")) > 0:
		return nil, fmt.Errorf("%w: it holds objects", ErrSignature)
	case signatureMethods[algorithm(info, "SignatureMethod")] == 0 || !digestMethods[algorithm(refs[0], "DigestMethod")] ||
		!canonicalizations[algorithm(info, "CanonicalizationMethod")]:
		return nil, fmt.Errorf("%w: an algorithm is not accepted", ErrSignature)
	}
	return sig, checkTransforms(refs[0])
}

func algorithm(el *etree.Element, tag string) string {
	m, err := one(el, nsSignature, tag)
	if err != nil || m == nil {
		return ""
	}
	return m.SelectAttrValue("Algorithm", "")
}

// checkTransforms accepts the enveloped signature and one canonicalization, in this order.
func checkTransforms(ref *etree.Element) error {
	bad := fmt.Errorf("%w: a transform is not accepted", ErrSignature)
	all, err := one(ref, nsSignature, "Transforms")
	if err != nil || all == nil {
		return bad
	}
	list := children(all, nsSignature, "Transform")
	if len(list) != 2 || len(list) != len(all.ChildElements()) ||
		list[0].SelectAttrValue("Algorithm", "") != string(dsig.EnvelopedSignatureAltorithmId) ||
		!canonicalizations[list[1].SelectAttrValue("Algorithm", "")] {
		return bad
	}
	return nil
}

// verified returns an element as it was signed by one of the certificates: parsed from the canonical form that the
// signature holds for. nil is an element without a signature of its own.
func verified(el *etree.Element, certs []*x509.Certificate, now time.Time) (*etree.Element, error) {
	sig, err := signatureOf(el)
	if err != nil || sig == nil {
		return nil, err
	}
	parent, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		return nil, ErrSignature
	}
	within, err := parent.SubContext(el)
	if err != nil {
		return nil, ErrSignature
	}
	alone, err := etreeutils.NSDetatch(within, el)
	if err != nil {
		return nil, ErrSignature
	}
	// The certificate in a message says nothing: the provider's metadata does.
	if own, err := one(alone, nsSignature, "Signature"); err == nil && own != nil {
		for _, info := range children(own, nsSignature, "KeyInfo") {
			own.RemoveChild(info)
		}
	}
	for _, c := range certs {
		if !acceptable(c) {
			continue
		}
		v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}})
		v.Clock = dsig.NewFakeClockAt(now)
		if out, err := v.Validate(alone); err == nil && out != nil && out.SelectAttrValue("ID", "") == el.SelectAttrValue("ID", "") {
			return out, nil
		}
	}
	return nil, ErrSignature
}

// acceptable reports whether a certificate's key is of a kind and size that is verified with.
func acceptable(c *x509.Certificate) bool {
	k, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192
}

// checkQuerySignature checks the signature of a message by redirect (Bindings section 3.4.4.1) over the query as it came.
func checkQuerySignature(raw, parameter string, certs []*x509.Certificate, now time.Time) error {
	part := map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if _, twice := part[name]; twice {
			return ErrSignature
		}
		part[name] = value
	}
	signed := parameter + "=" + part[parameter]
	if state, ok := part["RelayState"]; ok {
		signed += "&RelayState=" + state
	}
	signed += "&SigAlg=" + part["SigAlg"]
	method, err1 := unescape(part["SigAlg"])
	sigText, err2 := unescape(part["Signature"])
	sig, err3 := base64.StdEncoding.DecodeString(sigText)
	alg := signatureMethods[method]
	if err1 != nil || err2 != nil || err3 != nil || alg == 0 {
		return ErrSignature
	}
	for _, c := range certs {
		if acceptable(c) && !now.Before(c.NotBefore) && !now.After(c.NotAfter) && c.CheckSignature(alg, []byte(signed), sig) == nil {
			return nil
		}
	}
	return ErrSignature
}
