package saml

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

const (
	entity    = "urn:amazon:cognito:sp:us-east-1_abc"
	acs       = "https://auth.example.com/saml2/idpresponse"
	slo       = "https://auth.example.com/saml2/logout"
	idpName   = "https://idp.example.com/metadata"
	requestID = "_request1"
	victim    = "victim@example.com"
	attacker  = "attacker@example.com"
)

var now = time.Unix(1_790_000_000, 0).UTC()

type pair struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func newPair(bits int) pair {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return pair{key, cert}
}

// testPairs are the provider's, another provider's and the service provider's.
var testPairs = sync.OnceValue(func() (p [3]pair) {
	var wg sync.WaitGroup
	for i := range p {
		wg.Go(func() { p[i] = newPair(2048) })
	}
	wg.Wait()
	return p
})

func metadata() *Metadata {
	return &Metadata{
		EntityID: idpName, Signing: []*x509.Certificate{testPairs()[0].cert},
		SSORedirect: "https://idp.example.com/sso", SLORedirect: "https://idp.example.com/slo",
	}
}

func expect() *Expect {
	return &Expect{
		IDP: metadata(), Audiences: []string{entity}, Recipients: []string{acs}, RequestID: requestID, Now: now, Skew: DefaultSkew,
	}
}

// response is a response as the provider makes it, before it is signed.
func response(name string) *etree.Element {
	r := element("samlp:Response", "xmlns:samlp", nsProtocol, "xmlns:saml", nsAssertion, "ID", "_response1", "Version", "2.0",
		"IssueInstant", timeText(now), "Destination", acs, "InResponseTo", requestID)
	r.CreateElement("saml:Issuer").SetText(idpName)
	r.CreateElement("samlp:Status").AddChild(element("samlp:StatusCode", "Value", statusSuccess))
	r.AddChild(assertion("_assertion1", name))
	return r
}

func assertion(id, name string) *etree.Element {
	a := element("saml:Assertion", "xmlns:saml", nsAssertion, "ID", id, "Version", "2.0", "IssueInstant", timeText(now))
	a.CreateElement("saml:Issuer").SetText(idpName)
	s := a.CreateElement("saml:Subject")
	n := element("saml:NameID", "Format", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")
	n.SetText(name)
	s.AddChild(n)
	c := element("saml:SubjectConfirmation", "Method", methodBearer)
	c.AddChild(element("saml:SubjectConfirmationData", "NotOnOrAfter", timeText(now.Add(5*time.Minute)), "Recipient", acs, "InResponseTo", requestID))
	s.AddChild(c)
	cond := element("saml:Conditions", "NotBefore", timeText(now.Add(-time.Minute)), "NotOnOrAfter", timeText(now.Add(5*time.Minute)))
	cond.CreateElement("saml:AudienceRestriction").CreateElement("saml:Audience").SetText(entity)
	a.AddChild(cond)
	authn := element("saml:AuthnStatement", "AuthnInstant", timeText(now), "SessionIndex", "_session1")
	authn.CreateElement("saml:AuthnContext").CreateElement("saml:AuthnContextClassRef").SetText("urn:oasis:names:tc:SAML:2.0:ac:classes:Password")
	a.AddChild(authn)
	attr := element("saml:Attribute", "Name", "groups", "FriendlyName", "g")
	for _, v := range []string{"one", "two, three"} {
		attr.CreateElement("saml:AttributeValue").SetText(v)
	}
	a.CreateElement("saml:AttributeStatement").AddChild(attr)
	return a
}

func element(tag string, attrs ...string) *etree.Element {
	el := etree.NewElement(tag)
	for i := 0; i < len(attrs); i += 2 {
		el.CreateAttr(attrs[i], attrs[i+1])
	}
	return el
}

// sign puts an enveloped signature behind the Issuer.
func sign(t testing.TB, el *etree.Element, p pair, alg string) *etree.Element {
	t.Helper()
	ctx, err := dsig.NewSigningContext(p.key, [][]byte{p.cert.Raw})
	if err != nil {
		t.Fatal(err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := ctx.SetSignatureMethod(alg); err != nil {
		t.Fatal(err)
	}
	// A child is signed as it stands where it is: with its parents' namespaces, of which exclusive canonicalization takes
	// only those in use.
	sig, err := ctx.ConstructSignature(el, true)
	if err != nil {
		t.Fatal(err)
	}
	el.InsertChildAt(1, sig)
	return sig
}

func child(el *etree.Element, path string) *etree.Element { return el.FindElement(path) }

func bytesOf(t testing.TB, el *etree.Element) []byte {
	t.Helper()
	b, err := text(el.Copy())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signedAssertion is a good response whose assertion is signed.
func signedAssertion(t testing.TB, name string) *etree.Element {
	t.Helper()
	r := response(name)
	sign(t, child(r, "./Assertion"), testPairs()[0], dsig.RSASHA256SignatureMethod)
	return r
}

func certText(c *x509.Certificate) string { return base64.StdEncoding.EncodeToString(c.Raw) }
