package saml

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// LogoutAnswer checks a LogoutResponse by POST (Profiles section 4.4.4.2): of the provider, signed, to this place, to the
// request.
func LogoutAnswer(message []byte, idp *Metadata, place, requestID string, now time.Time) error {
	root, err := parse(message, MaxMessage, false)
	if err != nil {
		return err
	}
	signed, err := verified(root, idp.Signing, now)
	if err != nil {
		return err
	}
	if signed == nil {
		return ErrSignature
	}
	return checkLogout(signed, idp, place, requestID)
}

// LogoutAnswerByRedirect is LogoutAnswer for a message in a query, which is given as it came.
func LogoutAnswerByRedirect(rawQuery string, idp *Metadata, place, requestID string, now time.Time) error {
	if len(rawQuery) > 2*MaxMessage {
		return errors.New("saml: the message is too long")
	}
	q, err := url.ParseQuery(rawQuery)
	if err != nil || len(q["SAMLResponse"]) != 1 {
		return errors.New("saml: no logout response")
	}
	if err := checkQuerySignature(rawQuery, "SAMLResponse", idp.Signing, now); err != nil {
		return err
	}
	text, err := inflate(q.Get("SAMLResponse"))
	if err != nil {
		return err
	}
	root, err := parse(text, MaxMessage, false)
	if err != nil {
		return err
	}
	return checkLogout(root, idp, place, requestID)
}

func checkLogout(root *etree.Element, idp *Metadata, place, requestID string) error {
	if !is(root, nsProtocol, "LogoutResponse") || root.SelectAttrValue("Version", "") != version {
		return errors.New("saml: no logout response")
	}
	issuer, err := one(root, nsAssertion, "Issuer")
	switch {
	case err != nil || issuer == nil || strings.TrimSpace(issuer.Text()) != idp.EntityID:
		return errors.New("saml: the response is of another issuer")
	case root.SelectAttrValue("Destination", "") != place:
		return errors.New("saml: the response is for another destination")
	case requestID == "" || root.SelectAttrValue("InResponseTo", "") != requestID:
		return errors.New("saml: the response answers another request")
	}
	return nil
}
