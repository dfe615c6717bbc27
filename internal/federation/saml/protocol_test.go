package saml

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/beevik/etree"
)

// encrypt seals an assertion as providers do.
func encrypt(t *testing.T, plain []byte, to *rsa.PublicKey, alg, transport string) *etree.Element {
	t.Helper()
	c, ok := contentCiphers[alg]
	if !ok {
		c = contentCipher{size: 16}
	}
	key := make([]byte, c.size)
	iv := make([]byte, 12)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if c.gcm {
		g, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		sealed = g.Seal(iv, iv, plain, nil)
	} else {
		pad := 16 - len(plain)%16
		plain = append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
		sealed = make([]byte, 16+len(plain))
		cipher.NewCBCEncrypter(block, sealed[:16]).CryptBlocks(sealed[16:], plain)
	}
	var wrapped []byte
	if transport == nsXMLEnc+"rsa-1_5" {
		wrapped, err = rsa.EncryptPKCS1v15(rand.Reader, to, key) //nolint:staticcheck // it is refused
	} else {
		wrapped, err = rsa.EncryptOAEP(sha1.New(), rand.Reader, to, key, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	value := func(parent *etree.Element, b []byte) {
		parent.CreateElement("x:CipherData").CreateElement("x:CipherValue").SetText(base64.StdEncoding.EncodeToString(b))
	}
	el := element("saml:EncryptedAssertion")
	data := element("x:EncryptedData", "xmlns:x", nsXMLEnc)
	el.AddChild(data)
	data.AddChild(element("x:EncryptionMethod", "Algorithm", alg))
	info := element("ds:KeyInfo", "xmlns:ds", nsSignature)
	data.AddChild(info)
	ek := info.CreateElement("x:EncryptedKey")
	ek.AddChild(element("x:EncryptionMethod", "Algorithm", transport))
	value(ek, wrapped)
	value(data, sealed)
	return el
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	idp, sp := testPairs()[0], testPairs()[2]
	sealed := func(signAssertion, signResponse bool, alg, transport string) *etree.Element {
		r := response(victim)
		a := child(r, "./Assertion")
		r.RemoveChild(a)
		if signAssertion {
			sign(t, a, idp, rsa256)
		}
		r.AddChild(encrypt(t, bytesOf(t, a), &sp.key.PublicKey, alg, transport))
		if signResponse {
			sign(t, r, idp, rsa256)
		}
		return r
	}
	want := expect()
	want.Key, want.MustEncrypt = sp.key, true
	for alg := range contentCiphers {
		for _, which := range [][2]bool{{true, false}, {false, true}, {true, true}} {
			if a, err := Parse(bytesOf(t, sealed(which[0], which[1], alg, algOAEP)), want); err != nil || a.NameID != victim {
				t.Error(alg, which, err)
			}
		}
	}
	gcm, cbc := nsXMLEnc11+"aes256-gcm", nsXMLEnc+"aes256-cbc"
	refused(t, bytesOf(t, sealed(false, false, gcm, algOAEP)), want, "neither the response nor the assertion is signed")
	refused(t, bytesOf(t, sealed(true, false, gcm, nsXMLEnc+"rsa-1_5")), want, errDecrypt.Error())
	refused(t, bytesOf(t, sealed(true, false, nsXMLEnc+"tripledes-cbc", algOAEP)), want, errDecrypt.Error())
	refused(t, bytesOf(t, signedAssertion(t, victim)), want, "not encrypted")
	refused(t, bytesOf(t, sealed(true, false, gcm, algOAEP)), expect(), "was not asked for")
	other := *want
	other.Key = testPairs()[1].key
	refused(t, bytesOf(t, sealed(true, false, gcm, algOAEP)), &other, errDecrypt.Error())
	// Whatever is wrong with the sealed text is told in the same words.
	for _, text := range []string{"", "AAAA", base64.StdEncoding.EncodeToString(make([]byte, 33)), base64.StdEncoding.EncodeToString(make([]byte, 64))} {
		for _, alg := range []string{gcm, cbc} {
			r := sealed(true, false, alg, algOAEP)
			child(r, "./EncryptedAssertion/EncryptedData/CipherData/CipherValue").SetText(text)
			refused(t, bytesOf(t, r), want, errDecrypt.Error())
		}
	}
	// An assertion within the sealed one is no second chance.
	r := response(victim)
	a := child(r, "./Assertion")
	r.RemoveChild(a)
	sign(t, a, idp, rsa256)
	evil := assertion("_evil", attacker)
	evil.AddChild(a)
	r.AddChild(encrypt(t, bytesOf(t, evil), &sp.key.PublicKey, gcm, algOAEP))
	refused(t, bytesOf(t, r), want, "wrong place")
}

func document(edit func(string) string) []byte {
	doc := `<?xml version="1.0"?><!-- of the provider --><md:EntityDescriptor xmlns:md="` + nsMetadata + `" xmlns:ds="` + nsSignature +
		`" entityID="` + idpName + `"><md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="` + nsProtocol + `">` +
		`<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + certText(testPairs()[0].cert) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
		`<md:KeyDescriptor use="encryption"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + certText(testPairs()[1].cert) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
		`<md:SingleLogoutService Binding="` + BindingRedirect + `" Location="https://idp.example.com/slo"/>` +
		`<md:SingleSignOnService Binding="` + BindingPost + `" Location="https://idp.example.com/post"/>` +
		`<md:SingleSignOnService Binding="` + BindingRedirect + `" Location="https://idp.example.com/sso"/>` +
		`</md:IDPSSODescriptor></md:EntityDescriptor>`
	if edit != nil {
		doc = edit(doc)
	}
	return []byte(doc)
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	wrapped := func(doc string) string {
		return `<md:EntitiesDescriptor xmlns:md="` + nsMetadata + `">` + strings.TrimPrefix(doc, `<?xml version="1.0"?>`) + `</md:EntitiesDescriptor>`
	}
	for _, edit := range []func(string) string{nil, wrapped} {
		m, err := ParseMetadata(document(edit), true)
		if err != nil {
			t.Fatal(err)
		}
		if m.EntityID != idpName || len(m.Signing) != 1 || !m.Signing[0].Equal(testPairs()[0].cert) || !m.WantSigned ||
			m.SSORedirect != "https://idp.example.com/sso" || m.SSOPost != "https://idp.example.com/post" || m.SLORedirect != "https://idp.example.com/slo" {
			t.Errorf("%+v", m)
		}
	}
	replace := func(old, with string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, old, with) }
	}
	small := newPair(1024)
	for name, edit := range map[string]func(string) string{
		"document type": func(s string) string {
			return strings.Replace(s, "<!-- of the provider -->", `<!DOCTYPE a [<!ENTITY x "y">]>`, 1)
		},
		"http":           replace("https://idp.example.com/sso", "http://idp.example.com/sso"),
		"script":         replace("https://idp.example.com/sso", "javascript:alert(1)"),
		"no entity":      replace(`entityID="`+idpName+`"`, ""),
		"no provider":    replace("IDPSSODescriptor", "SPSSODescriptor"),
		"SAML 1":         replace(nsProtocol, "urn:oasis:names:tc:SAML:1.1:protocol"),
		"no certificate": replace(`use="signing"`, `use="encryption"`),
		"small key":      replace(certText(testPairs()[0].cert), certText(small.cert)),
		"bad base64":     replace(certText(testPairs()[0].cert), "*"),
		"no place":       replace("SingleSignOnService", "ManageNameIDService"),
		"two": func(s string) string {
			return wrapped(strings.TrimPrefix(s, `<?xml version="1.0"?>`) + strings.TrimPrefix(s, `<?xml version="1.0"?>`))
		},
		"nothing": func(string) string { return "" },
	} {
		if m, err := ParseMetadata(document(edit), true); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if _, err := ParseMetadata(document(replace("https://", "http://")), false); err != nil {
		t.Error(err)
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add(document(nil))
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := ParseMetadata(doc, true)
		if err == nil && (m.EntityID == "" || len(m.Signing) == 0 || m.SSORedirect == "" && m.SSOPost == "") {
			t.Errorf("%+v", m)
		}
	})
}

func provider() *ServiceProvider {
	p := testPairs()[2]
	return &ServiceProvider{Entity: entity, ACS: acs, SLO: slo, Key: p.key, Certificate: p.cert.Raw}
}

func TestAuthnRequest(t *testing.T) {
	t.Parallel()
	idp := metadata()
	id, m, err := provider().AuthnRequest(idp, "state & more", true, now)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(m.URL)
	if err != nil || m.Field != "" || !strings.HasPrefix(m.URL, idp.SSORedirect+"?SAMLRequest=") {
		t.Fatal(m, err)
	}
	if u.Query().Get("RelayState") != "state & more" {
		t.Error(m.URL)
	}
	if err := checkQuerySignature(u.RawQuery, "SAMLRequest", []*x509.Certificate{testPairs()[2].cert}, now); err != nil {
		t.Error(err)
	}
	packed, err := base64.StdEncoding.DecodeString(u.Query().Get("SAMLRequest"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	el, err := parse(plain, MaxMessage, false)
	if err != nil || el.SelectAttrValue("ID", "") != id || el.SelectAttrValue("AssertionConsumerServiceURL", "") != acs ||
		el.SelectAttrValue("Destination", "") != idp.SSORedirect || child(el, "./Issuer").Text() != entity {
		t.Errorf("%s %v", plain, err)
	}
	if _, m, err := provider().AuthnRequest(idp, "s", false, now); err != nil || strings.Contains(m.URL, "Signature=") {
		t.Error(m, err)
	}
	// By POST, when the provider takes nothing else, and signed because it wants that.
	idp.SSORedirect, idp.SSOPost, idp.WantSigned = "", "https://idp.example.com/post", true
	_, m, err = provider().AuthnRequest(idp, "s", false, now)
	if err != nil || m.Field != "SAMLRequest" || m.URL != idp.SSOPost || m.RelayState != "s" {
		t.Fatal(m, err)
	}
	b, err := Decode(m.Value)
	if err != nil {
		t.Fatal(err)
	}
	root, err := parse(b, MaxMessage, false)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := verified(root, []*x509.Certificate{testPairs()[2].cert}, now); out == nil || err != nil {
		t.Error(err)
	}
	nobody := provider()
	nobody.Key = nil
	if _, _, err := nobody.AuthnRequest(idp, "s", true, now); err == nil {
		t.Error("signed without a key")
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	idp := metadata()
	sp := provider()
	id, m, err := sp.LogoutRequest(idp, &Assertion{NameID: victim, NameFormat: "f", SessionIndex: "_session1"}, "s", now)
	if err != nil || !strings.Contains(m.URL, "Signature=") {
		t.Fatal(m, err)
	}
	none := metadata()
	none.SLORedirect = ""
	if _, m, err := sp.LogoutRequest(none, &Assertion{NameID: victim}, "s", now); m != nil || err != nil {
		t.Error(m, err)
	}
	answer := func() *etree.Element {
		r := element("samlp:LogoutResponse", "xmlns:samlp", nsProtocol, "xmlns:saml", nsAssertion, "ID", "_l1", "Version", "2.0",
			"IssueInstant", timeText(now), "Destination", slo, "InResponseTo", id)
		r.CreateElement("saml:Issuer").SetText(idpName)
		r.CreateElement("samlp:Status").AddChild(element("samlp:StatusCode", "Value", statusSuccess))
		return r
	}
	good := answer()
	sign(t, good, testPairs()[0], rsa256)
	if err := LogoutAnswer(bytesOf(t, good), idp, slo, id, now); err != nil {
		t.Error(err)
	}
	other := answer()
	sign(t, other, testPairs()[1], rsa256)
	elsewhere := answer()
	elsewhere.CreateAttr("Destination", "https://evil.example")
	sign(t, elsewhere, testPairs()[0], rsa256)
	for name, el := range map[string]*etree.Element{"unsigned": answer(), "another key": other, "another place": elsewhere} {
		if LogoutAnswer(bytesOf(t, el), idp, slo, id, now) == nil {
			t.Error(name)
		}
	}
	if LogoutAnswer(bytesOf(t, good), idp, slo, "_other", now) == nil || LogoutAnswer(bytesOf(t, good), idp, slo, "", now) == nil {
		t.Error("answers another request")
	}
	byIDP := &ServiceProvider{Entity: idpName, Key: testPairs()[0].key, Certificate: testPairs()[0].cert.Raw}
	sent, err := byIDP.byRedirect(answer(), "SAMLResponse", slo, "s", true)
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ := strings.Cut(sent.URL, "?")
	if err := LogoutAnswerByRedirect(query, idp, slo, id, now); err != nil {
		t.Error(err)
	}
	unsigned, _, _ := strings.Cut(query, "&SigAlg")
	sha1Name := url.QueryEscape("http://www.w3.org/2000/09/xmldsig#rsa-sha1")
	for name, q := range map[string]string{
		"changed":     strings.Replace(query, "RelayState=s", "RelayState=t", 1),
		"unsigned":    unsigned,
		"twice":       query + "&SAMLResponse=x",
		"SHA-1":       strings.Replace(query, url.QueryEscape("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"), sha1Name, 1),
		"another key": strings.Replace(query, "Signature=", "Signature=AAAA", 1),
	} {
		if LogoutAnswerByRedirect(q, idp, slo, id, now) == nil {
			t.Error(name)
		}
	}
	if b, err := inflate(base64.StdEncoding.EncodeToString(bomb(t))); err != nil || len(b) != MaxMessage+1 {
		t.Error("a bomb went off:", len(b), err)
	}
	if LogoutAnswerByRedirect("SAMLResponse="+strings.Repeat("A", 2*MaxMessage), idp, slo, id, now) == nil {
		t.Error("a long query")
	}
}

// bomb is 1 MB of zeros, deflated.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
