package iam

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/federation/saml/samltest"
)

const samlARN = "arn:aws:iam::111122223333:saml-provider/Corp"

func keyPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestSAMLProviders(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	idp := samltest.New(t, "https://idp.example.com/saml")
	create := func(name, document string, edit func(*api.CreateSAMLProviderInput)) (*api.CreateSAMLProviderOutput, error) {
		in := &api.CreateSAMLProviderInput{Name: &name, SAMLMetadataDocument: &document, Tags: []api.Tag{{Key: p("team"), Value: p("x")}}}
		if edit != nil {
			edit(in)
		}
		return call(s, s.root, s.need.CreateSAMLProvider, s.CreateSAMLProvider, in)
	}
	got, err := create("Corp", idp.Metadata(), nil)
	if err != nil || *got.SAMLProviderArn != samlARN || len(got.Tags) != 1 {
		t.Fatal(got, err)
	}
	_, err = create("Corp", idp.Metadata(), nil)
	says(t, err, "EntityAlreadyExistsException", "already exists")
	_, err = create("Other", strings.ReplaceAll(idp.Metadata(), "IDPSSODescriptor", "SPSSODescriptor"), nil)
	says(t, err, "InvalidInputException", "Could not parse metadata")
	_, err = create("Other", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>`+idp.Metadata(), nil)
	says(t, err, "InvalidInputException", "Could not parse metadata")
	_, err = create("Other", idp.Metadata(), func(in *api.CreateSAMLProviderInput) { in.AssertionEncryptionMode = "Required" })
	says(t, err, "InvalidInputException", "no private key is provided")
	d, err := call(s, s.root, s.need.GetSAMLProvider, s.GetSAMLProvider, &api.GetSAMLProviderInput{SAMLProviderArn: p(samlARN)})
	if err != nil || *d.SAMLMetadataDocument != idp.Metadata() || d.ValidUntil.Before(*d.CreateDate) || len(*d.SAMLProviderUUID) < 22 {
		t.Fatal(d, err)
	}
	list, err := call(s, s.root, s.need.ListSAMLProviders, s.ListSAMLProviders, &api.ListSAMLProvidersInput{})
	if err != nil || len(list.SAMLProviderList) != 1 || *list.SAMLProviderList[0].Arn != samlARN {
		t.Fatal(list, err)
	}
	for _, name := range []string{
		"arn:aws:iam::111122223333:saml-provider/corp", "arn:aws:iam::111122223333:saml-provider/Other",
		"arn:aws:iam::999988887777:saml-provider/Corp",
	} {
		_, err = call(s, s.root, s.need.GetSAMLProvider, s.GetSAMLProvider, &api.GetSAMLProviderInput{SAMLProviderArn: &name})
		says(t, err, "NoSuchEntityException", "Manifest not found for arn "+name)
	}
	_, err = call(s, s.root, s.need.GetSAMLProvider, s.GetSAMLProvider, &api.GetSAMLProviderInput{SAMLProviderArn: p("arn:aws:iam::111122223333:user/Corp")})
	says(t, err, "InvalidInputException", "is not valid")
	_, err = call(s, s.root, s.need.DeleteSAMLProvider, s.DeleteSAMLProvider, &api.DeleteSAMLProviderInput{SAMLProviderArn: p(samlARN)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = call(s, s.root, s.need.DeleteSAMLProvider, s.DeleteSAMLProvider, &api.DeleteSAMLProviderInput{SAMLProviderArn: p(samlARN)})
	says(t, err, "NoSuchEntityException", samlARN)
}

func TestSAMLProviderKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	idp := samltest.New(t, "https://idp.example.com/saml")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := keyPEM(t, key)
	_, err = call(s, s.root, s.need.CreateSAMLProvider, s.CreateSAMLProvider, &api.CreateSAMLProviderInput{
		Name: p("Corp"), SAMLMetadataDocument: p(idp.Metadata()), AddPrivateKey: &text, AssertionEncryptionMode: "Required",
	})
	if err != nil {
		t.Fatal(err)
	}
	update := func(edit func(*api.UpdateSAMLProviderInput)) error {
		in := &api.UpdateSAMLProviderInput{SAMLProviderArn: p(samlARN)}
		edit(in)
		_, err := call(s, s.root, s.need.UpdateSAMLProvider, s.UpdateSAMLProvider, in)
		return err
	}
	get := func() *api.GetSAMLProviderOutput {
		d, err := call(s, s.root, s.need.GetSAMLProvider, s.GetSAMLProvider, &api.GetSAMLProviderInput{SAMLProviderArn: p(samlARN)})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := *get().PrivateKeyList[0].KeyId
	f, err := s.catalog.SAMLProvider(t.Context(), samlARN)
	if err != nil || len(f.Keys) != 1 || !f.Keys[0].Equal(key) || !f.MustEncrypt {
		t.Fatal(f, err)
	}
	says(t, update(func(*api.UpdateSAMLProviderInput) {}), "InvalidInputException", "No updates are defined")
	says(t, update(func(in *api.UpdateSAMLProviderInput) { in.AddPrivateKey, in.RemovePrivateKey = &text, &first }),
		"InvalidInputException", "Unable to add and remove private keys in the same request.")
	says(t, update(func(in *api.UpdateSAMLProviderInput) { in.RemovePrivateKey = &first }), "InvalidInputException", "no private key is provided")
	says(t, update(func(in *api.UpdateSAMLProviderInput) { in.RemovePrivateKey = p("SAMLPKAAAAAAAAAAAAAAAAAA") }),
		"InvalidInputException", "does not match a private key")
	for _, bad := range []string{"x", keyPEM(t, weak), strings.Replace(text, "PRIVATE", "PUBLIC", 2)} {
		says(t, update(func(in *api.UpdateSAMLProviderInput) { in.AddPrivateKey = &bad }), "InvalidInputException", "Invalid private key.")
	}
	if err := update(func(in *api.UpdateSAMLProviderInput) { in.AddPrivateKey = &text }); err != nil {
		t.Fatal(err)
	}
	says(t, update(func(in *api.UpdateSAMLProviderInput) { in.AddPrivateKey = &text }), "LimitExceededException", "Private key limit of 2 is reached.")
	if err := update(func(in *api.UpdateSAMLProviderInput) { in.RemovePrivateKey = &first }); err != nil {
		t.Fatal(err)
	}
	if d := get(); len(d.PrivateKeyList) != 1 || *d.PrivateKeyList[0].KeyId == first || d.AssertionEncryptionMode != "Required" {
		t.Errorf("%+v", d)
	}
}

// The key of a provider is at rest only sealed.
func TestSAMLKeysAreSealed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.catalog.SealSAMLKey("111122223333", "k", key)
	if err != nil || bytes.Contains(sealed, key.D.Bytes()) {
		t.Error(err)
	}
}

// says checks the code of a refusal and a part of its message.
func says(t testing.TB, err error, code, part string) {
	t.Helper()
	if f := fault.From(err); f.Code != code || !strings.Contains(f.Message, part) {
		t.Errorf("got %v, want %s: …%s…", err, code, part)
	}
}
