// Package samltest is an identity provider for tests.
package samltest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// Provider is an identity provider with a key.
type Provider struct {
	t           testing.TB
	EntityID    string
	key         *rsa.PrivateKey
	certificate []byte
}

// New makes a provider.
func New(t testing.TB, entityID string) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &Provider{t, entityID, key, der}
}

// Metadata is the provider's metadata document, of at least the 1,000 characters that IAM asks for.
func (p *Provider) Metadata() string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="%s">
 <md:IDPSSODescriptor WantAuthnRequestsSigned="false" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
  <md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
  <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
  <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>
  <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso"/>
 </md:IDPSSODescriptor>
 <md:Organization><md:OrganizationName xml:lang="en">%s</md:OrganizationName></md:Organization>
</md:EntityDescriptor>`, p.EntityID, base64.StdEncoding.EncodeToString(p.certificate), strings.Repeat("Example ", 40))
}

// Response is what a provider says. Sign and its like change how it is signed.
type Response struct {
	ID, Issuer, Recipient, Audience, Subject, Format string
	Now                                              time.Time
	// SessionEnds is SessionNotOnOrAfter, left out if zero.
	SessionEnds time.Time
	Attributes  map[string][]string
	// SignResponse and SignAssertion say what is signed.
	SignResponse, SignAssertion bool
	// Edit changes the text before anything is signed.
	Edit func(string) string
}

// For is a response that is signed in its assertion, good for five minutes.
func (p *Provider) For(subject, audience, recipient string, now time.Time, attributes map[string][]string) *Response {
	return &Response{
		ID: "a" + rand.Text(), Issuer: p.EntityID, Recipient: recipient, Audience: audience, Subject: subject,
		Format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", Now: now, Attributes: attributes, SignAssertion: true,
	}
}

const stamp = "2006-01-02T15:04:05Z"

// XML is the signed response.
func (p *Provider) XML(r *Response) string {
	p.t.Helper()
	var attributes strings.Builder
	names := make([]string, 0, len(r.Attributes))
	for n := range r.Attributes {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(&attributes, `<saml:Attribute Name="%s">`, n)
		for _, v := range r.Attributes[n] {
			fmt.Fprintf(&attributes, `<saml:AttributeValue>%s</saml:AttributeValue>`, v)
		}
		attributes.WriteString(`</saml:Attribute>`)
	}
	session := ""
	if !r.SessionEnds.IsZero() {
		session = fmt.Sprintf(` SessionNotOnOrAfter="%s"`, r.SessionEnds.UTC().Format(stamp))
	}
	now, ends := r.Now.UTC().Format(stamp), r.Now.Add(5*time.Minute).UTC().Format(stamp)
	text := fmt.Sprintf(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="r%[1]s" Version="2.0" IssueInstant="%[2]s" Destination="%[3]s"><saml:Issuer>%[4]s</saml:Issuer>`+
		`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>`+
		`<saml:Assertion ID="%[1]s" Version="2.0" IssueInstant="%[2]s"><saml:Issuer>%[4]s</saml:Issuer>`+
		`<saml:Subject><saml:NameID Format="%[5]s">%[6]s</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">`+
		`<saml:SubjectConfirmationData NotOnOrAfter="%[7]s" Recipient="%[3]s"/></saml:SubjectConfirmation></saml:Subject>`+
		`<saml:Conditions NotBefore="%[2]s" NotOnOrAfter="%[7]s"><saml:AudienceRestriction><saml:Audience>%[8]s</saml:Audience></saml:AudienceRestriction></saml:Conditions>`+
		`<saml:AuthnStatement AuthnInstant="%[2]s" SessionIndex="s1"%[9]s><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`+
		`<saml:AttributeStatement>%[10]s</saml:AttributeStatement></saml:Assertion></samlp:Response>`,
		r.ID, now, r.Recipient, r.Issuer, r.Format, r.Subject, ends, r.Audience, session, attributes.String())
	if len(r.Attributes) == 0 {
		text = strings.Replace(text, "<saml:AttributeStatement></saml:AttributeStatement>", "", 1)
	}
	if r.Edit != nil {
		text = r.Edit(text)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		p.t.Fatal(err)
	}
	root := doc.Root()
	if r.SignAssertion {
		for i, c := range root.Child {
			if e, ok := c.(*etree.Element); ok && e.Tag == "Assertion" {
				e.CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
				root.Child[i] = p.sign(e)
			}
		}
	}
	if r.SignResponse {
		root = p.sign(root)
	}
	out := etree.NewDocument()
	out.SetRoot(root)
	s, err := out.WriteToString()
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// sign returns the element with its signature after its issuer, where the schema wants it.
func (p *Provider) sign(e *etree.Element) *etree.Element {
	p.t.Helper()
	ctx, err := dsig.NewSigningContext(p.key, [][]byte{p.certificate})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signed, err := ctx.SignEnveloped(e)
	if err != nil {
		p.t.Fatal(err)
	}
	sig := signed.Child[len(signed.Child)-1]
	signed.RemoveChildAt(len(signed.Child) - 1)
	signed.InsertChildAt(1, sig)
	return signed
}

// Encoded is the signed response as it travels.
func (p *Provider) Encoded(r *Response) string {
	p.t.Helper()
	return base64.StdEncoding.EncodeToString([]byte(p.XML(r)))
}
