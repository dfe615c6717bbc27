package saml

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// maxCertificates bounds the signing certificates of a provider.
const maxCertificates = 20

// Metadata is what the server uses of an identity provider's metadata (SAML 2.0 Metadata).
type Metadata struct {
	// EntityID names the provider: the Issuer of what it says.
	EntityID string
	// Signing are the certificates that its messages are signed with.
	Signing []*x509.Certificate
	// SSO and SLO are its places for sign-in and logout, by binding; "" if there is none. SLOResponse is where answers to
	// its own logout requests go.
	SSORedirect, SSOPost, SLORedirect, SLOPost string
	// WantSigned is true if it takes signed authentication requests only.
	WantSigned bool
	// ValidUntil is when the document ends; zero if it does not say.
	ValidUntil time.Time
}

type endpoint struct {
	Binding  string `xml:",attr"`
	Location string `xml:",attr"`
}

type descriptor struct {
	XMLName    xml.Name `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntityDescriptor"`
	EntityID   string   `xml:"entityID,attr"`
	ValidUntil string   `xml:"validUntil,attr"`
	IDP        []struct {
		Protocols  string `xml:"protocolSupportEnumeration,attr"`
		WantSigned string `xml:"WantAuthnRequestsSigned,attr"`
		ValidUntil string `xml:"validUntil,attr"`
		Keys       []struct {
			Use   string   `xml:"use,attr"`
			Certs []string `xml:"http://www.w3.org/2000/09/xmldsig# KeyInfo>X509Data>X509Certificate"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:metadata KeyDescriptor"`
		SSO []endpoint `xml:"urn:oasis:names:tc:SAML:2.0:metadata SingleSignOnService"`
		SLO []endpoint `xml:"urn:oasis:names:tc:SAML:2.0:metadata SingleLogoutService"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:metadata IDPSSODescriptor"`
}

// ParseMetadata reads the metadata of one identity provider. secure has its places be https. Whether the document comes
// from the provider is for the caller to know: it was given by the operator, or fetched by TLS from where the operator said.
func ParseMetadata(doc []byte, secure bool) (*Metadata, error) {
	root, err := parse(doc, MaxMetadata, true)
	if err != nil {
		return nil, err
	}
	if is(root, nsMetadata, "EntitiesDescriptor") {
		list := children(root, nsMetadata, "EntityDescriptor")
		if len(list) != 1 {
			return nil, errors.New("saml: the metadata is not of one provider")
		}
		if doc, err = text(list[0].Copy()); err != nil {
			return nil, err
		}
	}
	var d descriptor
	if err := xml.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("saml: no metadata: %w", err)
	}
	if d.EntityID == "" || len(d.EntityID) > MaxName || len(d.IDP) != 1 {
		return nil, errors.New("saml: the metadata is not of one identity provider")
	}
	idp := &d.IDP[0]
	if !strings.Contains(" "+idp.Protocols+" ", " "+nsProtocol+" ") {
		return nil, errors.New("saml: the provider does not speak SAML 2.0")
	}
	m := &Metadata{EntityID: d.EntityID, WantSigned: idp.WantSigned == "true" || idp.WantSigned == "1"}
	for _, until := range []string{d.ValidUntil, idp.ValidUntil} {
		if until == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, until)
		if err != nil {
			return nil, errors.New("saml: validUntil is no time")
		}
		if m.ValidUntil.IsZero() || t.Before(m.ValidUntil) {
			m.ValidUntil = t
		}
	}
	for _, k := range idp.Keys {
		if k.Use != "" && k.Use != "signing" {
			continue
		}
		for _, c := range k.Certs {
			if err := m.addCertificate(c); err != nil {
				return nil, err
			}
		}
	}
	if len(m.Signing) == 0 {
		return nil, errors.New("saml: the metadata has no signing certificate with an RSA key of 2048 to 8192 bits")
	}
	return m, m.setPlaces(idp.SSO, idp.SLO, secure)
}

func (m *Metadata) addCertificate(in string) error {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(in), ""))
	if err != nil {
		return errors.New("saml: a certificate is not base64")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return errors.New("saml: a certificate is none")
	}
	if acceptable(c) {
		m.Signing = append(m.Signing, c)
	}
	if len(m.Signing) > maxCertificates {
		return errors.New("saml: the metadata has too many certificates")
	}
	return nil
}

func (m *Metadata) setPlaces(sso, slo []endpoint, secure bool) error {
	for _, p := range []struct {
		dst     *string
		from    []endpoint
		binding string
	}{
		{&m.SSORedirect, sso, BindingRedirect}, {&m.SSOPost, sso, BindingPost},
		{&m.SLORedirect, slo, BindingRedirect}, {&m.SLOPost, slo, BindingPost},
	} {
		for _, e := range p.from {
			if e.Binding != p.binding || *p.dst != "" {
				continue
			}
			u, err := url.Parse(e.Location)
			if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (secure || u.Scheme != "http") || u.Fragment != "" {
				return errors.New("saml: a place of the provider is no https URL")
			}
			*p.dst = e.Location
		}
	}
	if m.SSORedirect == "" && m.SSOPost == "" {
		return errors.New("saml: the provider has no place for sign-in by redirect or POST")
	}
	return nil
}
