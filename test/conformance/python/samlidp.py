"""A SAML identity provider: metadata and signed responses, written in canonical form, so that their signatures need no XML library."""

import base64
import datetime
import hashlib
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PLACE = "https://signin.aws.amazon.com/saml"
AWS = "https://aws.amazon.com/SAML/Attributes/"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"


def _b64(data):
    return base64.b64encode(data).decode()


class Provider:
    def __init__(self, entity="https://idp.example.com/saml"):
        self.entity = entity
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key()).serial_number(1)
        certificate = certificate.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        self.certificate = _b64(certificate.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))

    def metadata(self):
        return (f'<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{self.entity}">'
                '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing">'
                f'<ds:KeyInfo xmlns:ds="{_DSIG}"><ds:X509Data><ds:X509Certificate>{self.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>'
                '</md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
                'Location="https://idp.example.com/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>')

    def response(self, subject, attributes, audience=PLACE, place=PLACE, age=0, signed=True, edit=lambda text: text):
        """A response in base64, its assertion signed; edit changes it after that."""
        def at(seconds):
            return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

        now, ends, name = at(-age), at(300 - age), f"a{secrets.token_hex(16)}"
        values = "".join(
            f'<saml:Attribute Name="{k}">' + "".join(f"<saml:AttributeValue>{v}</saml:AttributeValue>" for v in list_) + "</saml:Attribute>"
            for k, list_ in attributes.items())
        head = (f'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{name}" IssueInstant="{now}" Version="2.0">'
                f"<saml:Issuer>{self.entity}</saml:Issuer>")
        tail = ('<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">'
                f'{subject}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
                f'<saml:SubjectConfirmationData NotOnOrAfter="{ends}" Recipient="{place}"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>'
                f'<saml:Conditions NotBefore="{now}" NotOnOrAfter="{ends}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>'
                f'</saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{now}"><saml:AuthnContext>'
                "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>"
                f"</saml:AuthnStatement><saml:AttributeStatement>{values}</saml:AttributeStatement></saml:Assertion>")
        signature = self.sign(name, head + tail) if signed else ""
        text = (f'<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="r{name}" IssueInstant="{now}" Version="2.0" Destination="{place}">'
                '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
                f"{head}{signature}{tail}</samlp:Response>")
        return _b64(edit(text).encode())

    def sign(self, name, canonical):
        digest = _b64(hashlib.sha256(canonical.encode()).digest())
        info = (f'<ds:SignedInfo xmlns:ds="{_DSIG}"><ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}"></ds:CanonicalizationMethod>'
                '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>'
                f'<ds:Reference URI="#{name}"><ds:Transforms><ds:Transform Algorithm="{_DSIG}enveloped-signature"></ds:Transform>'
                f'<ds:Transform Algorithm="{_EXCLUSIVE}"></ds:Transform></ds:Transforms>'
                '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
                f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>")
        value = _b64(self.key.sign(info.encode(), padding.PKCS1v15(), hashes.SHA256()))
        return f'<ds:Signature xmlns:ds="{_DSIG}">{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>'
