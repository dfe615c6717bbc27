package saml

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // the default of OAEP, which needs no collision resistance of it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/beevik/etree"
)

// errDecrypt is all that is said of a message that does not open: more would tell an attacker what it opened to.
var errDecrypt = errors.New("saml: the encrypted assertion does not open")

// Key transport and content encryption (XML Encryption 1.1 sections 5.5 and 5.2). RSA 1.5 is left out: whether it opened
// can be felt.
const (
	algOAEP    = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
	algOAEP11  = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
	nsXMLEnc11 = "http://www.w3.org/2009/xmlenc11#"
)

type contentCipher struct {
	size int
	gcm  bool
}

var contentCiphers = map[string]contentCipher{
	nsXMLEnc11 + "aes128-gcm": {16, true}, nsXMLEnc11 + "aes192-gcm": {24, true}, nsXMLEnc11 + "aes256-gcm": {32, true},
	nsXMLEnc + "aes128-cbc": {16, false}, nsXMLEnc + "aes192-cbc": {24, false}, nsXMLEnc + "aes256-cbc": {32, false},
}

// The hashes of OAEP and of its mask. SHA-1 is the default of both; neither needs it to resist collisions.
var (
	oaepHashes = map[string]crypto.Hash{
		nsSignature + "sha1": crypto.SHA1, nsXMLEnc + "sha256": crypto.SHA256, nsXMLEnc + "sha512": crypto.SHA512,
		"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	}
	masks = map[string]crypto.Hash{
		nsXMLEnc11 + "mgf1sha1": crypto.SHA1, nsXMLEnc11 + "mgf1sha256": crypto.SHA256,
		nsXMLEnc11 + "mgf1sha384": crypto.SHA384, nsXMLEnc11 + "mgf1sha512": crypto.SHA512,
	}
)

// decrypt opens an EncryptedAssertion and parses what is in it.
func decrypt(el *etree.Element, key *rsa.PrivateKey) (*etree.Element, error) {
	data, err := one(el, nsXMLEnc, "EncryptedData")
	if err != nil || data == nil {
		return nil, errDecrypt
	}
	wrapped, err := encryptedKey(el, data)
	if err != nil {
		return nil, err
	}
	content, ok := contentCiphers[method(data)]
	if !ok {
		return nil, errDecrypt
	}
	secret, err := unwrap(wrapped, key)
	if err != nil || len(secret) != content.size {
		return nil, errDecrypt
	}
	sealed, err := cipherValue(data)
	if err != nil {
		return nil, err
	}
	plain, err := content.open(secret, sealed)
	if err != nil {
		return nil, err
	}
	root, err := parse(plain, MaxMessage, false)
	if err != nil || !is(root, nsAssertion, "Assertion") {
		return nil, errDecrypt
	}
	return root, nil
}

// encryptedKey finds the only EncryptedKey, within KeyInfo or beside the data.
func encryptedKey(el, data *etree.Element) (*etree.Element, error) {
	list := children(el, nsXMLEnc, "EncryptedKey")
	for _, info := range children(data, nsSignature, "KeyInfo") {
		list = append(list, children(info, nsXMLEnc, "EncryptedKey")...)
	}
	if len(list) != 1 {
		return nil, errDecrypt
	}
	return list[0], nil
}

func method(el *etree.Element) string {
	m, err := one(el, nsXMLEnc, "EncryptionMethod")
	if err != nil || m == nil {
		return ""
	}
	return m.SelectAttrValue("Algorithm", "")
}

func cipherValue(el *etree.Element) ([]byte, error) {
	data, err := one(el, nsXMLEnc, "CipherData")
	if err != nil || data == nil {
		return nil, errDecrypt
	}
	value, err := one(data, nsXMLEnc, "CipherValue")
	if err != nil || value == nil {
		return nil, errDecrypt
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Text()), ""))
	if err != nil {
		return nil, errDecrypt
	}
	return b, nil
}

// unwrap opens the content key.
func unwrap(el *etree.Element, key *rsa.PrivateKey) ([]byte, error) {
	alg := method(el)
	if alg != algOAEP && alg != algOAEP11 {
		return nil, errDecrypt
	}
	m, err := one(el, nsXMLEnc, "EncryptionMethod")
	if err != nil {
		return nil, errDecrypt
	}
	digest, mask := crypto.SHA1, crypto.SHA1
	if name := algorithm(m, "DigestMethod"); name != "" {
		if digest = oaepHashes[name]; digest == 0 {
			return nil, errDecrypt
		}
	}
	if mgf, err := one(m, nsXMLEnc11, "MGF"); err != nil {
		return nil, errDecrypt
	} else if mgf != nil {
		if mask = masks[mgf.SelectAttrValue("Algorithm", "")]; mask == 0 {
			return nil, errDecrypt
		}
	}
	sealed, err := cipherValue(el)
	if err != nil {
		return nil, err
	}
	secret, err := key.Decrypt(rand.Reader, sealed, &rsa.OAEPOptions{Hash: digest, MGFHash: mask})
	if err != nil {
		return nil, errDecrypt
	}
	return secret, nil
}

func (c contentCipher) open(key, sealed []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errDecrypt
	}
	if c.gcm {
		g, err := cipher.NewGCM(block)
		if err != nil || len(sealed) < g.NonceSize() {
			return nil, errDecrypt
		}
		plain, err := g.Open(nil, sealed[:g.NonceSize()], sealed[g.NonceSize():], nil)
		if err != nil {
			return nil, errDecrypt
		}
		return plain, nil
	}
	n := block.BlockSize()
	if len(sealed) < 2*n || len(sealed)%n != 0 {
		return nil, errDecrypt
	}
	plain := make([]byte, len(sealed)-n)
	cipher.NewCBCDecrypter(block, sealed[:n]).CryptBlocks(plain, sealed[n:])
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > n {
		return nil, errDecrypt
	}
	return plain[:len(plain)-pad], nil
}
