package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// ServiceProvider is who we are to a provider.
type ServiceProvider struct {
	// Entity is the entity id, ACS and SLO are where responses of sign-in and logout come to.
	Entity, ACS, SLO string
	// Key signs with RSA-SHA256, Certificate is its certificate in DER. Nil signs nothing.
	Key         *rsa.PrivateKey
	Certificate []byte
}

// Message is one on its way through the browser: by redirect to URL if Field is empty, else by a form that posts Field and
// RelayState to URL.
type Message struct {
	URL, Field, Value, RelayState string
}

// newID is a fresh ID; by its first character it is an NCName.
func newID() string {
	var b [20]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return "_" + hex.EncodeToString(b[:])
}

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// AuthnRequest makes a request for sign-in (Core section 3.4), signed if sign is true or the provider wants it so. It
// returns the request's id, by which the response is known. relay comes back with the response.
func (sp *ServiceProvider) AuthnRequest(idp *Metadata, relay string, sign bool, now time.Time) (string, *Message, error) {
	sign = sign || idp.WantSigned
	id, el := sp.request("AuthnRequest", now)
	el.CreateAttr("AssertionConsumerServiceURL", sp.ACS)
	el.CreateAttr("ProtocolBinding", BindingPost)
	m, err := sp.send(el, "SAMLRequest", idp.SSORedirect, idp.SSOPost, relay, sign)
	return id, m, err
}

// LogoutRequest makes a request for logout (Core section 3.7.1), always signed, or nil if the provider has no place for it.
func (sp *ServiceProvider) LogoutRequest(idp *Metadata, a *Assertion, relay string, now time.Time) (string, *Message, error) {
	if idp.SLORedirect == "" && idp.SLOPost == "" {
		return "", nil, nil
	}
	id, el := sp.request("LogoutRequest", now)
	name := el.CreateElement("saml:NameID")
	if a.NameFormat != "" {
		name.CreateAttr("Format", a.NameFormat)
	}
	if a.NameQualifier != "" {
		name.CreateAttr("NameQualifier", a.NameQualifier)
	}
	name.SetText(a.NameID)
	if a.SessionIndex != "" {
		el.CreateElement("samlp:SessionIndex").SetText(a.SessionIndex)
	}
	m, err := sp.send(el, "SAMLRequest", idp.SLORedirect, idp.SLOPost, relay, true)
	return id, m, err
}

func (sp *ServiceProvider) request(tag string, now time.Time) (string, *etree.Element) {
	id := newID()
	el := etree.NewElement("samlp:" + tag)
	el.CreateAttr("xmlns:samlp", nsProtocol)
	el.CreateAttr("xmlns:saml", nsAssertion)
	el.CreateAttr("ID", id)
	el.CreateAttr("Version", version)
	el.CreateAttr("IssueInstant", timeText(now))
	el.CreateElement("saml:Issuer").SetText(sp.Entity)
	return id, el
}

// send puts a message on its way, by redirect if the provider takes that.
func (sp *ServiceProvider) send(el *etree.Element, field, redirect, post, relay string, sign bool) (*Message, error) {
	if sign && sp.Key == nil {
		return nil, errors.New("saml: there is no key to sign with")
	}
	to := redirect
	if to == "" {
		to = post
	}
	el.CreateAttr("Destination", to)
	if redirect == "" {
		return sp.byPost(el, field, post, relay, sign)
	}
	return sp.byRedirect(el, field, redirect, relay, sign)
}

func (sp *ServiceProvider) byPost(el *etree.Element, field, to, relay string, sign bool) (*Message, error) {
	if sign {
		ctx, err := dsig.NewSigningContext(sp.Key, [][]byte{sp.Certificate})
		if err != nil {
			return nil, fmt.Errorf("saml: sign: %w", err)
		}
		ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
		sig, err := ctx.ConstructSignature(el, true)
		if err != nil {
			return nil, fmt.Errorf("saml: sign: %w", err)
		}
		el.InsertChildAt(1, sig) // after Issuer, as the schema has it
	}
	b, err := text(el)
	if err != nil {
		return nil, err
	}
	return &Message{URL: to, Field: field, Value: base64.StdEncoding.EncodeToString(b), RelayState: relay}, nil
}

// byRedirect encodes and signs a message by redirect (Bindings section 3.4.4.1).
func (sp *ServiceProvider) byRedirect(el *etree.Element, field, to, relay string, sign bool) (*Message, error) {
	b, err := text(el)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("saml: deflate: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("saml: deflate: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("saml: deflate: %w", err)
	}
	query := field + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if relay != "" {
		query += "&RelayState=" + url.QueryEscape(relay)
	}
	if sign {
		query += "&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
		sum := sha256.Sum256([]byte(query))
		sig, err := rsa.SignPKCS1v15(rand.Reader, sp.Key, crypto.SHA256, sum[:])
		if err != nil {
			return nil, fmt.Errorf("saml: sign: %w", err)
		}
		query += "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sig))
	}
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	return &Message{URL: to + sep + query}, nil
}

func unescape(s string) (string, error) {
	out, err := url.QueryUnescape(s)
	if err != nil {
		return "", ErrSignature
	}
	return out, nil
}

// inflate opens a message by redirect, bounded as it grows.
func inflate(packed string) ([]byte, error) {
	if len(packed) > MaxMessage {
		return nil, fmt.Errorf("saml: the message is over %d bytes", MaxMessage)
	}
	b, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return nil, errors.New("saml: the message is not base64")
	}
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), MaxMessage+1))
	if err != nil {
		return nil, errors.New("saml: the message does not inflate")
	}
	return out, nil
}
