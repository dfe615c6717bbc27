package saml

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

const rsa256 = dsig.RSASHA256SignatureMethod

func TestGoodResponses(t *testing.T) {
	t.Parallel()
	idp := testPairs()[0]
	for name, make := range map[string]func(r *etree.Element){
		"assertion": func(r *etree.Element) { sign(t, child(r, "./Assertion"), idp, rsa256) },
		"response":  func(r *etree.Element) { sign(t, r, idp, rsa256) },
		"both": func(r *etree.Element) {
			sign(t, child(r, "./Assertion"), idp, dsig.RSASHA512SignatureMethod)
			sign(t, r, idp, dsig.RSASHA384SignatureMethod)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := response(victim)
			make(r)
			a, err := Parse(bytesOf(t, r), expect())
			if err != nil {
				t.Fatal(err)
			}
			if a.NameID != victim || a.ID != "_assertion1" || a.SessionIndex != "_session1" || a.Recipient != acs || a.Audience != entity ||
				!a.Until.Equal(now.Add(5*time.Minute+DefaultSkew)) || len(a.Attributes) != 1 || strings.Join(a.Attributes[0].Values, "|") != "one|two, three" {
				t.Errorf("%+v", a)
			}
		})
	}
}

// Each of these is what a provider would not have sent, or not here and now. The assertion is signed by edit, or after it.
func TestRefusedResponses(t *testing.T) {
	t.Parallel()
	idp, other := testPairs()[0], testPairs()[1]
	confirmation := func(r *etree.Element) *etree.Element {
		return child(r, "./Assertion/Subject/SubjectConfirmation/SubjectConfirmationData")
	}
	set := func(path, attr, value string) func(*etree.Element) {
		return func(r *etree.Element) { child(r, path).CreateAttr(attr, value) }
	}
	const (
		data = "./Assertion/Subject/SubjectConfirmation/SubjectConfirmationData"
		cond = "./Assertion/Conditions"
	)
	past, future := timeText(now.Add(-DefaultSkew-time.Second)), timeText(now.Add(DefaultSkew+time.Second))
	for name, c := range map[string]struct {
		edit func(*etree.Element) // before signing
		want string
	}{
		"no NotOnOrAfter":        {func(r *etree.Element) { confirmation(r).RemoveAttr("NotOnOrAfter") }, "confirmation"},
		"another recipient":      {set(data, "Recipient", "https://evil.example/acs"), "confirmation"},
		"recipient as prefix":    {set(data, "Recipient", acs+"/"), "confirmation"},
		"no recipient":           {func(r *etree.Element) { confirmation(r).RemoveAttr("Recipient") }, "confirmation"},
		"another request":        {set(data, "InResponseTo", "_other"), "confirmation"},
		"no request":             {func(r *etree.Element) { confirmation(r).RemoveAttr("InResponseTo") }, "confirmation"},
		"confirmation expired":   {set(data, "NotOnOrAfter", past), "expired"},
		"confirmation too early": {set(data, "NotBefore", future), "confirmation"},
		"no time":                {set(data, "NotOnOrAfter", "soon"), "confirmation"},
		"holder of key": {set("./Assertion/Subject/SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"),
			"confirmation"},
		"another audience": {func(r *etree.Element) {
			child(r, cond+"/AudienceRestriction/Audience").SetText("urn:amazon:cognito:sp:us-east-1_xyz")
		}, "audience"},
		"a second restriction": {func(r *etree.Element) {
			child(r, cond).CreateElement("saml:AudienceRestriction").CreateElement("saml:Audience").SetText("urn:other")
		}, "audience"},
		"no audience":       {func(r *etree.Element) { child(r, cond).RemoveChildAt(0) }, "audience"},
		"expired":           {set(cond, "NotOnOrAfter", past), "expired"},
		"not yet valid":     {set(cond, "NotBefore", future), "not valid yet"},
		"unknown condition": {func(r *etree.Element) { child(r, cond).CreateElement("saml:Condition") }, "not understood"},
		"no conditions":     {func(r *etree.Element) { child(r, "./Assertion").RemoveChild(child(r, cond)) }, "lacks or repeats"},
		"two conditions":    {func(r *etree.Element) { child(r, "./Assertion").AddChild(child(r, cond).Copy()) }, "lacks or repeats"},
		"two subjects":      {func(r *etree.Element) { child(r, "./Assertion").AddChild(child(r, "./Assertion/Subject").Copy()) }, "lacks or repeats"},
		"two names": {func(r *etree.Element) {
			child(r, "./Assertion/Subject").AddChild(child(r, "./Assertion/Subject/NameID").Copy())
		}, "lacks or repeats"},
		"no name":                        {func(r *etree.Element) { child(r, "./Assertion/Subject/NameID").SetText(" ") }, "names nobody"},
		"oversized name":                 {func(r *etree.Element) { child(r, "./Assertion/Subject/NameID").SetText(strings.Repeat("x", MaxName+1)) }, "names nobody"},
		"no statement":                   {func(r *etree.Element) { child(r, "./Assertion").RemoveChild(child(r, "./Assertion/AuthnStatement")) }, "lacks or repeats"},
		"session over":                   {set("./Assertion/AuthnStatement", "SessionNotOnOrAfter", past), "session"},
		"from the future":                {set("./Assertion", "IssueInstant", future), "future"},
		"another issuer":                 {func(r *etree.Element) { child(r, "./Assertion/Issuer").SetText("https://evil.example") }, "issuer"},
		"another issuer of the response": {func(r *etree.Element) { child(r, "./Issuer").SetText("https://evil.example") }, "issuer"},
		"another destination":            {set(".", "Destination", "https://evil.example/acs"), "destination"},
		"answers another":                {set(".", "InResponseTo", "_other"), "another request"},
		"version 1.1":                    {set("./Assertion", "Version", "1.1"), "lacks or repeats"},
		"failed":                         {set("./Status/StatusCode", "Value", "urn:oasis:names:tc:SAML:2.0:status:Responder"), "status"},
		"no assertion":                   {func(r *etree.Element) { r.RemoveChild(child(r, "./Assertion")) }, "not one assertion"},
		"too many values": {func(r *etree.Element) {
			at := child(r, "./Assertion/AttributeStatement/Attribute")
			for range maxValues {
				at.CreateElement("saml:AttributeValue").SetText("v")
			}
		}, "bounds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := response(victim)
			c.edit(r)
			if a := child(r, "./Assertion"); a != nil {
				sign(t, a, idp, rsa256)
			}
			refused(t, bytesOf(t, r), expect(), c.want)
		})
	}
	for name, c := range map[string]struct {
		make func() *etree.Element
		want string
	}{
		"unsigned": {func() *etree.Element { return response(victim) }, "signature"},
		"another provider's key": {func() *etree.Element {
			r := response(victim)
			sign(t, child(r, "./Assertion"), other, rsa256)
			return r
		}, "signature"},
		"SHA-1": {func() *etree.Element {
			r := response(victim)
			sign(t, child(r, "./Assertion"), idp, dsig.RSASHA1SignatureMethod)
			return r
		}, "algorithm"},
		"HMAC by name": {func() *etree.Element {
			r := signedAssertion(t, victim)
			child(r, "./Assertion/Signature/SignedInfo/SignatureMethod").CreateAttr("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
			return r
		}, "algorithm"},
		"no algorithm": {func() *etree.Element {
			r := signedAssertion(t, victim)
			child(r, "./Assertion/Signature/SignedInfo/SignatureMethod").CreateAttr("Algorithm", "none")
			return r
		}, "algorithm"},
		"SHA-1 digest by name": {func() *etree.Element {
			r := signedAssertion(t, victim)
			child(r, "./Assertion/Signature/SignedInfo/Reference/DigestMethod").CreateAttr("Algorithm", nsSignature+"sha1")
			return r
		}, "algorithm"},
		"no signature value": {func() *etree.Element {
			r := signedAssertion(t, victim)
			child(r, "./Assertion/Signature/SignatureValue").SetText("")
			return r
		}, "signature"},
		"changed after": {func() *etree.Element {
			r := signedAssertion(t, attacker)
			child(r, "./Assertion/Subject/NameID").SetText(victim)
			return r
		}, "signature"},
		"digest changed too": {func() *etree.Element {
			r := signedAssertion(t, attacker)
			forged := response(victim)
			sign(t, child(forged, "./Assertion"), other, rsa256)
			from := child(forged, "./Assertion/Signature/SignedInfo/Reference/DigestValue").Text()
			child(r, "./Assertion/Signature/SignedInfo/Reference/DigestValue").SetText(from)
			child(r, "./Assertion/Subject/NameID").SetText(victim)
			return r
		}, "signature"},
		"signed, but the response is not": {func() *etree.Element {
			r := response(victim)
			sign(t, r, idp, rsa256)
			child(r, "./Assertion/Subject/NameID").SetText(attacker)
			return r
		}, "signature"},
		"reference to nothing": {func() *etree.Element {
			r := signedAssertion(t, victim)
			child(r, "./Assertion/Signature/SignedInfo/Reference").CreateAttr("URI", "")
			return r
		}, "not of the element"},
		"two references": {func() *etree.Element {
			r := signedAssertion(t, victim)
			ref := child(r, "./Assertion/Signature/SignedInfo/Reference")
			ref.Parent().AddChild(ref.Copy())
			return r
		}, "not of the element"},
		"XSLT transform": {func() *etree.Element {
			r := signedAssertion(t, victim)
			child(r, "./Assertion/Signature/SignedInfo/Reference/Transforms").AddChild(
				element("ds:Transform", "Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116"))
			return r
		}, "transform"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, bytesOf(t, c.make()), expect(), c.want)
		})
	}
}

func refused(t *testing.T, message []byte, want *Expect, reason string) {
	t.Helper()
	a, err := Parse(message, want)
	if err == nil || !strings.Contains(err.Error(), reason) {
		t.Fatalf("%+v, %v; want %q", a, err, reason)
	}
}

// Signature wrapping, by the numbers of Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be": the signed
// element is kept somewhere, so that its signature holds, and another is put where the application looks.
func TestSignatureWrapping(t *testing.T) {
	t.Parallel()
	idp := testPairs()[0]
	signedResponse := func() *etree.Element {
		r := response(attacker)
		sign(t, r, idp, rsa256)
		return r
	}
	evil := func() *etree.Element { return assertion("_evil", victim) }
	for name, make := range map[string]func() *etree.Element{
		"XSW1": func() *etree.Element { // the signed response within the signature of a forged one
			old := signedResponse()
			r := response(victim)
			r.CreateAttr("ID", "_evil")
			sig := child(old, "./Signature").Copy()
			old.RemoveChild(child(old, "./Signature"))
			sig.AddChild(old)
			r.InsertChildAt(1, sig)
			return r
		},
		"XSW2": func() *etree.Element { // detached: before the signature
			old := signedResponse()
			r := response(victim)
			r.CreateAttr("ID", "_evil")
			sig := child(old, "./Signature").Copy()
			old.RemoveChild(child(old, "./Signature"))
			r.InsertChildAt(1, old)
			r.InsertChildAt(2, sig)
			return r
		},
		"XSW3": func() *etree.Element { // a forged assertion beside the signed one, first
			r := signedAssertion(t, attacker)
			r.InsertChildAt(child(r, "./Assertion").Index(), evil())
			return r
		},
		"XSW4": func() *etree.Element { // the signed one within the forged one
			r := signedAssertion(t, attacker)
			old := child(r, "./Assertion")
			r.RemoveChild(old)
			e := evil()
			e.AddChild(old)
			r.AddChild(e)
			return r
		},
		"XSW5": func() *etree.Element { // the signature in the forged one, the signed one after it
			r := signedAssertion(t, attacker)
			old := child(r, "./Assertion")
			sig := child(old, "./Signature")
			old.RemoveChild(sig)
			e := evil()
			e.InsertChildAt(1, sig)
			r.InsertChildAt(old.Index(), e)
			return r
		},
		"XSW6": func() *etree.Element { // the signed one within the signature within the forged one
			r := signedAssertion(t, attacker)
			old := child(r, "./Assertion")
			sig := child(old, "./Signature")
			old.RemoveChild(sig)
			r.RemoveChild(old)
			sig.AddChild(old)
			e := evil()
			e.InsertChildAt(1, sig)
			r.AddChild(e)
			return r
		},
		"XSW7": func() *etree.Element { // in Extensions, where anything goes
			r := signedAssertion(t, attacker)
			old := child(r, "./Assertion")
			x := element("samlp:Extensions")
			r.RemoveChild(old)
			x.AddChild(old)
			r.InsertChildAt(1, x)
			r.AddChild(evil())
			return r
		},
		"XSW8": func() *etree.Element { // in an Object of the signature of the forged one
			r := signedAssertion(t, attacker)
			old := child(r, "./Assertion")
			sig := child(old, "./Signature")
			old.RemoveChild(sig)
			r.RemoveChild(old)
			o := element("ds:Object")
			o.AddChild(old)
			sig.AddChild(o)
			e := evil()
			e.InsertChildAt(1, sig)
			r.AddChild(e)
			return r
		},
		"the same ID": func() *etree.Element {
			r := signedAssertion(t, attacker)
			r.InsertChildAt(child(r, "./Assertion").Index(), assertion("_assertion1", victim))
			return r
		},
		"beside a signed response": func() *etree.Element {
			r := signedResponse()
			r.AddChild(evil())
			return r
		},
		"another prefix": func() *etree.Element {
			r := signedAssertion(t, attacker)
			e := evil()
			e.CreateAttr("xmlns:x", nsAssertion)
			e.Space = "x"
			r.InsertChildAt(2, e)
			return r
		},
		"another namespace": func() *etree.Element { // an assertion to a reader that looks at local names
			r := signedAssertion(t, attacker)
			e := evil()
			e.CreateAttr("xmlns:saml", "urn:evil")
			old := child(r, "./Assertion")
			x := element("samlp:Extensions")
			x.AddChild(e)
			r.InsertChildAt(old.Index(), x)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a, err := Parse(bytesOf(t, make()), expect()); err == nil {
				t.Fatalf("%+v", a)
			}
		})
	}
}

// What is done to the text of a message, past any tree.
func TestRefusedText(t *testing.T) {
	t.Parallel()
	good := string(bytesOf(t, signedAssertion(t, "victim@example.com.evil.com")))
	if _, err := Parse([]byte(good), expect()); err != nil {
		t.Fatal(err)
	}
	bomb := `<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">` + `<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">` + `<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>`
	for name, c := range map[string]struct{ text, want string }{
		"comment in the name":    {strings.Replace(good, "victim@example.com", "victim@example.com<!---->", 1), "comment"},
		"comment anywhere":       {good + "<!-- x -->", "comment"},
		"instruction in name":    {strings.Replace(good, "victim@example.com", "victim@example.com<?x?>", 1), "processing instruction"},
		"document type":          {"<!DOCTYPE samlp:Response>" + good, "document type"},
		"external entity":        {`<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + strings.Replace(good, "_session1", "&x;", 1), "document type"},
		"entities in entities":   {bomb + strings.Replace(good, "one<", "&c;<", 1), "document type"},
		"unknown entity":         {strings.Replace(good, "one<", "&x;<", 1), "no XML"},
		"deep":                   {strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1), "bounds"},
		"many":                   {"<a>" + strings.Repeat("<b/>", maxElements) + "</a>", "bounds"},
		"huge":                   {good + strings.Repeat(" ", MaxMessage), "over"},
		"attribute twice":        {strings.Replace(good, `Version="2.0"`, `Version="2.0" Version="2.0"`, 1), "twice"},
		"two roots":              {good + "<a/>", "bounds"},
		"cut off":                {good[:len(good)-5], ""},
		"nothing":                {"", "does not end"},
		"no response":            {`<a xmlns="` + nsProtocol + `"/>`, "no response"},
		"another namespace":      {strings.ReplaceAll(good, nsProtocol, "urn:evil"), "no response"},
		"prefix without a place": {strings.Replace(good, "<saml:Issuer>", "<:Issuer>", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, []byte(c.text), expect(), c.want)
		})
	}
}

func TestUnsolicited(t *testing.T) {
	t.Parallel()
	want := expect()
	want.RequestID = ""
	// A response to somebody's request is not one that nobody asked for.
	refused(t, bytesOf(t, signedAssertion(t, victim)), want, "another request")
	r := response(victim)
	r.RemoveAttr("InResponseTo")
	a := child(r, "./Assertion")
	sign(t, a, testPairs()[0], rsa256)
	refused(t, bytesOf(t, r), want, "confirmation")
	r = response(victim)
	r.RemoveAttr("InResponseTo")
	child(r, "./Assertion/Subject/SubjectConfirmation/SubjectConfirmationData").RemoveAttr("InResponseTo")
	sign(t, child(r, "./Assertion"), testPairs()[0], rsa256)
	if _, err := Parse(bytesOf(t, r), want); err != nil {
		t.Fatal(err)
	}
	// Nor does it answer a request.
	refused(t, bytesOf(t, r), expect(), "confirmation")
}

func TestExpiredCertificate(t *testing.T) {
	t.Parallel()
	want := expect()
	want.Now = now.Add(25 * time.Hour)
	refused(t, bytesOf(t, signedAssertion(t, victim)), want, "signature")
}

func TestNothingExpected(t *testing.T) {
	t.Parallel()
	refused(t, bytesOf(t, signedAssertion(t, victim)), &Expect{}, "nothing is expected")
}

func TestDecode(t *testing.T) {
	t.Parallel()
	b, err := Decode(base64.StdEncoding.EncodeToString([]byte("abc"))[:2] + "\r\n" + base64.StdEncoding.EncodeToString([]byte("abc"))[2:])
	if err != nil || string(b) != "abc" {
		t.Error(b, err)
	}
	for _, in := range []string{"*", strings.Repeat("A", 2*MaxMessage)} {
		if _, err := Decode(in); err == nil {
			t.Errorf("%d bytes decoded", len(in))
		}
	}
}

// What is accepted was said by the provider, whatever was done to the text.
func FuzzResponse(f *testing.F) {
	f.Add(bytesOf(f, signedAssertion(f, attacker)))
	r := response(attacker)
	sign(f, r, testPairs()[0], rsa256)
	f.Add(bytesOf(f, r))
	f.Add([]byte(`<?xml version="1.0"?><a:b xmlns:a="c"/>`))
	f.Fuzz(func(t *testing.T, message []byte) {
		a, err := Parse(message, expect())
		if err == nil && (a.NameID != attacker || a.ID != "_assertion1" || len(a.Attributes) != 1) {
			t.Errorf("%+v", a)
		}
	})
}

// What is done to a document before its signature was checked must not take time by the square of what is in it: 256 KiB of
// attributes once took ten seconds.
func TestAttributesInScope(t *testing.T) {
	t.Parallel()
	build := func(elements, attributes int) []byte {
		var b strings.Builder
		for e := range elements {
			b.WriteString("<a")
			for i := range attributes {
				fmt.Fprintf(&b, ` xmlns:n%d-%d="u"`, e, i)
			}
			b.WriteString(">")
		}
		b.WriteString(strings.Repeat("</a>", elements))
		return []byte(b.String())
	}
	for name, c := range map[string]struct {
		elements, attributes int
		good                 bool
	}{"many on one": {1, maxInScope + 1, false}, "many around one": {maxDepth - 1, 10, false}, "as many as can be": {16, maxInScope / 16, true}} {
		if _, err := parse(build(c.elements, c.attributes), MaxMessage, false); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	beside := strings.Repeat(`<b x="1" y="2"/>`, maxInScope)
	if _, err := parse([]byte("<a>"+beside+"</a>"), MaxMessage, false); err != nil {
		t.Error("beside each other:", err)
	}
}
