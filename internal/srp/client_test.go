package srp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strings"
)

// client is written from the descriptions of the clients, on hexadecimal text as they are, so that it shares nothing
// with the server but the tests around it.
type client struct {
	n, g, k, a, pub *big.Int
}

func newClient(n *big.Int, secret int64) *client {
	c := &client{n: n, g: big.NewInt(2)}
	c.k = textHash(padHex(n.Text(16)) + padHex("2"))
	c.a = new(big.Int).Exp(big.NewInt(secret), big.NewInt(61), n)
	c.pub = new(big.Int).Exp(c.g, c.a, n)
	return c
}

func padHex(h string) string {
	if len(h)%2 == 1 {
		return "0" + h
	}
	if strings.ContainsRune("89abcdef", rune(h[0])) {
		return "00" + h
	}
	return h
}

func unhex(h string) []byte {
	b, err := hex.DecodeString(h)
	if err != nil {
		panic(err)
	}
	return b
}

func textHash(h string) *big.Int {
	sum := sha256.Sum256(unhex(h))
	n, _ := new(big.Int).SetString(hex.EncodeToString(sum[:]), 16)
	return n
}

func mac(key, data []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(data)
	return m.Sum(nil)
}

// key derives the session key from the challenge: S = (B - k·g^x)^(a + u·x).
func (c *client) key(pool, user, password, saltHex, bHex string) []byte {
	b, _ := new(big.Int).SetString(bHex, 16)
	u := textHash(padHex(c.pub.Text(16)) + padHex(b.Text(16)))
	salt, _ := new(big.Int).SetString(saltHex, 16)
	inner := sha256.Sum256([]byte(pool + user + ":" + password))
	x := textHash(padHex(salt.Text(16)) + hex.EncodeToString(inner[:]))
	s := new(big.Int).Exp(c.g, x, c.n)
	s.Mul(s, c.k).Sub(b, s).Mod(s, c.n)
	e := new(big.Int).Mul(u, x)
	s.Exp(s, e.Add(e, c.a), c.n)
	prk := mac(unhex(padHex(u.Text(16))), unhex(padHex(s.Text(16))))
	return mac(prk, append([]byte("Caldera Derived Key"), 1))[:16]
}

func (c *client) sign(key []byte, pool, user string, block []byte, timestamp string) []byte {
	return mac(key, append(append([]byte(pool+user), block...), timestamp...))
}
