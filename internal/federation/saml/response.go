package saml

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// Expect is what a response must be like.
type Expect struct {
	// IdP is the provider that the response must be of.
	IDP *Metadata
	// Audiences are the names of this service provider, one of which every audience restriction must hold.
	Audiences []string
	// Recipients are the places that responses for this service provider are sent to.
	Recipients []string
	// RequestID is the request that is answered; "" for a response that nobody asked for, which must then say so.
	RequestID string
	// AnyRequest takes responses to whatever request, or none: for who does not send requests itself, as AWS STS.
	AnyRequest bool
	// Now is the time, Skew how far clocks may differ.
	Now  time.Time
	Skew time.Duration
	// Key opens encrypted assertions; nil refuses them. MustEncrypt refuses others.
	Key         *rsa.PrivateKey
	MustEncrypt bool
}

// Attribute is one of an assertion.
type Attribute struct {
	Name, FriendlyName string
	Values             []string
}

// Assertion is what the provider said of a user. All of it was signed.
type Assertion struct {
	// ID is unique at the provider; the assertion must not be taken again before Until.
	ID    string
	Until time.Time
	// Issuer is the provider's entity id, Issued when it made the assertion.
	Issuer string
	Issued time.Time
	// NameID names the user, with its format and qualifier.
	NameID, NameFormat, NameQualifier string
	// Recipient is where it was sent, Audience the first audience.
	Recipient, Audience string
	// SessionIndex is the session at the provider, for logout; SessionUntil when that ends, or zero.
	SessionIndex string
	SessionUntil time.Time
	Attributes   []Attribute
}

// Values are those of all attributes of a name.
func (a *Assertion) Values(name string) []string {
	var all []string
	for i := range a.Attributes {
		if a.Attributes[i].Name == name {
			all = append(all, a.Attributes[i].Values...)
		}
	}
	return all
}

// Decode reads the base64 of a message by POST.
func Decode(in string) ([]byte, error) {
	if len(in) > MaxMessage*4/3+4 {
		return nil, fmt.Errorf("saml: the message is over %d bytes", MaxMessage)
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(in), ""))
	if err != nil {
		return nil, errors.New("saml: the message is not base64")
	}
	return b, nil
}

// Parse checks a response (Profiles section 4.1.4.3) and returns its assertion. Signed must be the response or the
// assertion; what is not covered by a signature is not read. Spending the assertion's id is left to the caller.
func Parse(message []byte, want *Expect) (*Assertion, error) {
	if want.IDP == nil || len(want.Audiences) == 0 || len(want.Recipients) == 0 || want.Now.IsZero() {
		return nil, errors.New("saml: nothing is expected")
	}
	root, err := parse(message, MaxMessage, false)
	if err != nil {
		return nil, err
	}
	if !is(root, nsProtocol, "Response") {
		return nil, errors.New("saml: no response")
	}
	if err := placesOfSignatures(root); err != nil {
		return nil, err
	}
	signed, err := verified(root, want.IDP.Signing, want.Now)
	if err != nil {
		return nil, err
	}
	trusted := signed != nil
	if trusted {
		root = signed
	}
	if err := want.checkResponse(root, trusted); err != nil {
		return nil, err
	}
	el, err := want.assertion(root, trusted)
	if err != nil {
		return nil, err
	}
	return want.read(el)
}

// placesOfSignatures refuses signatures and assertions elsewhere than where SAML has them: under the response, and under
// the only assertion under the response.
func placesOfSignatures(root *etree.Element) error {
	var walk func(el *etree.Element, path string) error
	walk = func(el *etree.Element, path string) error {
		for _, c := range el.ChildElements() {
			at := path + "/" + c.Tag
			switch {
			case is(c, nsSignature, "Signature") && at != "/Signature" && at != "/Assertion/Signature",
				c.Tag == "Assertion" && at != "/Assertion", c.Tag == "EncryptedAssertion" && at != "/EncryptedAssertion",
				c.Tag == "Response":
				return fmt.Errorf("saml: %s is in the wrong place", at)
			}
			if err := walk(c, at); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(root, "")
}

// checkResponse checks what the response says of itself.
func (want *Expect) checkResponse(root *etree.Element, trusted bool) error {
	if v := root.SelectAttrValue("Version", ""); v != version {
		return errors.New("saml: the version is not 2.0")
	}
	if to := root.SelectAttr("Destination"); to != nil && !slices.Contains(want.Recipients, to.Value) || to == nil && trusted {
		return errors.New("saml: the response is for another destination")
	}
	if in := root.SelectAttrValue("InResponseTo", ""); !want.AnyRequest && in != want.RequestID && (in != "" || trusted) {
		return errors.New("saml: the response answers another request")
	}
	issuer, err := one(root, nsAssertion, "Issuer")
	if err != nil || issuer != nil && strings.TrimSpace(issuer.Text()) != want.IDP.EntityID {
		return fmt.Errorf("%w: the response is of another", ErrIssuer)
	}
	status, err := one(root, nsProtocol, "Status")
	if err != nil || status == nil {
		return errors.New("saml: there is no status")
	}
	code, err := one(status, nsProtocol, "StatusCode")
	if err != nil || code == nil || code.SelectAttrValue("Value", "") != statusSuccess {
		return fmt.Errorf("saml: the status is not success")
	}
	return nil
}

// assertion returns the only assertion, opened, and covered by a signature: the response's or its own.
func (want *Expect) assertion(root *etree.Element, trusted bool) (*etree.Element, error) {
	plain, sealed := children(root, nsAssertion, "Assertion"), children(root, nsAssertion, "EncryptedAssertion")
	if len(plain)+len(sealed) != 1 {
		return nil, errors.New("saml: there is not one assertion")
	}
	var el *etree.Element
	if len(sealed) == 1 {
		if want.Key == nil {
			return nil, errors.New("saml: an encrypted assertion was not asked for")
		}
		var err error
		if el, err = decrypt(sealed[0], want.Key); err != nil {
			return nil, err
		}
		if err := signaturesOfAssertion(el); err != nil {
			return nil, err
		}
	} else {
		if want.MustEncrypt {
			return nil, errors.New("saml: the assertion is not encrypted")
		}
		el = plain[0]
	}
	own, err := verified(el, want.IDP.Signing, want.Now)
	switch {
	case err != nil:
		return nil, err
	case own != nil:
		return own, nil
	case trusted:
		return el, nil
	}
	return nil, fmt.Errorf("%w: neither the response nor the assertion is signed", ErrSignature)
}

// signaturesOfAssertion is placesOfSignatures for an assertion that was encrypted.
func signaturesOfAssertion(el *etree.Element) error {
	wrap := etree.NewElement("Response")
	wrap.AddChild(el.Copy())
	return placesOfSignatures(wrap)
}

type assertionXML struct {
	XMLName xml.Name `xml:"urn:oasis:names:tc:SAML:2.0:assertion Assertion"`
	ID      string   `xml:",attr"`
	Version string   `xml:",attr"`
	Issued  string   `xml:"IssueInstant,attr"`
	Issuer  []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
	Subject []struct {
		NameID []struct {
			Format    string `xml:",attr"`
			Qualifier string `xml:"NameQualifier,attr"`
			Text      string `xml:",chardata"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
		Confirmations []confirmation `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmation"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion Subject"`
	Conditions []conditions `xml:"urn:oasis:names:tc:SAML:2.0:assertion Conditions"`
	Authn      []struct {
		Instant string `xml:"AuthnInstant,attr"`
		Index   string `xml:"SessionIndex,attr"`
		Until   string `xml:"SessionNotOnOrAfter,attr"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnStatement"`
	Statements []struct {
		Attributes []struct {
			Name     string `xml:",attr"`
			Friendly string `xml:"FriendlyName,attr"`
			Values   []struct {
				Text string `xml:",chardata"`
				Any  []any  `xml:",any"`
			} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeValue"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion Attribute"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeStatement"`
}

type confirmation struct {
	Method string `xml:",attr"`
	Data   []struct {
		NotBefore string `xml:",attr"`
		Until     string `xml:"NotOnOrAfter,attr"`
		Recipient string `xml:",attr"`
		Request   string `xml:"InResponseTo,attr"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmationData"`
}

type conditions struct {
	NotBefore string `xml:",attr"`
	Until     string `xml:"NotOnOrAfter,attr"`
	Audiences []struct {
		Audience []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Audience"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AudienceRestriction"`
	OneTime []struct{} `xml:"urn:oasis:names:tc:SAML:2.0:assertion OneTimeUse"`
	Proxy   []struct{} `xml:"urn:oasis:names:tc:SAML:2.0:assertion ProxyRestriction"`
	Other   []struct {
		XMLName xml.Name
	} `xml:",any"`
}

// read checks an assertion that was signed and takes it over.
func (want *Expect) read(el *etree.Element) (*Assertion, error) {
	b, err := text(el.Copy())
	if err != nil {
		return nil, err
	}
	var x assertionXML
	if err := xml.Unmarshal(b, &x); err != nil {
		return nil, fmt.Errorf("saml: no assertion: %w", err)
	}
	if x.ID == "" || x.Version != version || len(x.Issuer) != 1 || len(x.Subject) != 1 || len(x.Subject[0].NameID) != 1 ||
		len(x.Conditions) != 1 || len(x.Authn) == 0 {
		return nil, errors.New("saml: the assertion lacks or repeats what it must have")
	}
	a := &Assertion{ID: x.ID, Issuer: strings.TrimSpace(x.Issuer[0])}
	if a.Issuer != want.IDP.EntityID {
		return nil, ErrIssuer
	}
	name := x.Subject[0].NameID[0]
	a.NameID, a.NameFormat, a.NameQualifier = strings.TrimSpace(name.Text), name.Format, name.Qualifier
	if a.NameID == "" || len(a.NameID) > MaxName {
		return nil, errors.New("saml: the assertion names nobody")
	}
	if a.Issued, err = instant(x.Issued); err != nil || a.Issued.After(want.Now.Add(want.Skew)) {
		return nil, errors.New("saml: the assertion is from the future")
	}
	if err := want.confirmed(a, x.Subject[0].Confirmations); err != nil {
		return nil, err
	}
	if err := want.conditions(a, &x.Conditions[0]); err != nil {
		return nil, err
	}
	return a, want.statements(a, &x)
}

// confirmed finds a confirmation that holds: by bearer, for this place, now, for the request (Profiles section 4.1.4.2).
func (want *Expect) confirmed(a *Assertion, list []confirmation) error {
	late := false
	for _, c := range list {
		if c.Method != methodBearer || len(c.Data) != 1 {
			continue
		}
		d := &c.Data[0]
		until, err := instant(d.Until)
		late = late || err == nil && !want.before(until)
		if err != nil || !want.before(until) || !want.AnyRequest && d.Request != want.RequestID || !slices.Contains(want.Recipients, d.Recipient) {
			continue
		}
		if from, err := instant(d.NotBefore); d.NotBefore != "" && (err != nil || want.early(from)) {
			continue
		}
		a.Recipient, a.Until = d.Recipient, until.Add(want.Skew)
		return nil
	}
	if late {
		return ErrExpired
	}
	return errors.New("saml: no confirmation of the subject holds here and now for the request")
}

func (want *Expect) conditions(a *Assertion, c *conditions) error {
	if until, err := instant(c.Until); c.Until != "" && (err != nil || !want.before(until)) {
		return ErrExpired
	}
	if from, err := instant(c.NotBefore); c.NotBefore != "" && (err != nil || want.early(from)) {
		return errors.New("saml: the assertion is not valid yet")
	}
	if len(c.Other) > 0 {
		return errors.New("saml: the assertion has a condition that is not understood")
	}
	if len(c.Audiences) == 0 {
		return errors.New("saml: the assertion is for no audience")
	}
	for _, r := range c.Audiences {
		i := slices.IndexFunc(r.Audience, func(s string) bool { return slices.Contains(want.Audiences, strings.TrimSpace(s)) })
		if i < 0 {
			return ErrAudience
		}
		a.Audience = strings.TrimSpace(r.Audience[i])
	}
	return nil
}

func (want *Expect) statements(a *Assertion, x *assertionXML) error {
	for _, s := range x.Authn {
		if s.Until != "" {
			until, err := instant(s.Until)
			if err != nil || !want.before(until) {
				return fmt.Errorf("%w: so is the session at the provider", ErrExpired)
			}
			if a.SessionUntil.IsZero() || until.Before(a.SessionUntil) {
				a.SessionUntil = until
			}
		}
		a.SessionIndex = s.Index
	}
	n := 0
	for _, s := range x.Statements {
		for _, at := range s.Attributes {
			out := Attribute{Name: at.Name, FriendlyName: at.Friendly}
			for _, v := range at.Values {
				if len(v.Any) > 0 {
					continue // no text: nothing that an attribute of ours could hold
				}
				if n++; n > maxValues || len(v.Text) > maxAttribute {
					return errors.New("saml: the attributes are out of bounds")
				}
				out.Values = append(out.Values, v.Text)
			}
			a.Attributes = append(a.Attributes, out)
		}
	}
	return nil
}

// before reports whether the time is yet to come, early whether something begins only later; both within the skew.
func (want *Expect) before(t time.Time) bool { return want.Now.Add(-want.Skew).Before(t) }
func (want *Expect) early(t time.Time) bool  { return want.Now.Add(want.Skew).Before(t) }

// instant reads an xs:dateTime in UTC (Core section 1.3.3).
func instant(s string) (time.Time, error) { return time.Parse(time.RFC3339Nano, s) }
