package bench

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// srpUser is who the client process signs in as, and with what.
type srpUser struct{ Pool, Client, Name, Password string }

// srpN is N of the 3072-bit group of RFC 5054 appendix A.
var srpN = func() *big.Int {
	n, ok := new(big.Int).SetString("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"+
		"ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"+
		"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"+
		"83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"+
		"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"+
		"15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7"+
		"abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c"+
		"bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff", 16)
	if !ok {
		panic("bench: N is not hexadecimal")
	}
	return n
}()

// signedBytes is n as Cognito's clients hash it.
func signedBytes(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		return append([]byte{0}, b...)
	}
	return b
}

func digest(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func keyed(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// anonymous makes the bytes of a request to user pools that nobody signs.
func anonymous(addr, op string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	var out bytes.Buffer
	err = r.Write(&out)
	return out.Bytes(), err
}

// signIn signs in until the time is over, on one connection.
func (j *job) signIn() report {
	c, err := dial(j.Addr)
	if err != nil {
		return report{Err: err.Error()}
	}
	defer c.Close() //nolint:errcheck // nothing more is read
	start, n := time.Now(), 0
	for ; time.Since(start) < j.Time; n++ {
		if err := j.SRP.once(c, j.Addr); err != nil {
			return report{Err: err.Error()}
		}
	}
	return report{Count: n, Took: time.Since(start)}
}

func (u *srpUser) once(c *conn, addr string) error {
	a := new(big.Int).SetBytes(digest([]byte("a")))
	pub := new(big.Int).Exp(big.NewInt(2), a, srpN)
	first, err := anonymous(addr, "InitiateAuth", map[string]any{
		"ClientId": u.Client, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": map[string]string{"USERNAME": u.Name, "SRP_A": pub.Text(16)},
	})
	if err != nil {
		return err
	}
	if err := c.send(first); err != nil {
		return err
	}
	var out struct{ ChallengeParameters map[string]string }
	if err := json.Unmarshal(c.body, &out); err != nil {
		return err
	}
	claim, err := u.claim(out.ChallengeParameters, a, pub)
	if err != nil {
		return err
	}
	second, err := anonymous(addr, "RespondToAuthChallenge", map[string]any{
		"ClientId": u.Client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": claim,
	})
	if err != nil {
		return err
	}
	if err := c.send(second); err != nil {
		return err
	}
	if !bytes.Contains(c.body, []byte("AccessToken")) {
		return fmt.Errorf("no tokens: %s", c.body)
	}
	return nil
}

func (u *srpUser) claim(p map[string]string, a, pub *big.Int) (map[string]string, error) {
	_, pool, _ := strings.Cut(u.Pool, "_")
	b, okB := new(big.Int).SetString(p["SRP_B"], 16)
	salt, err := hex.DecodeString(p["SALT"])
	block, blockErr := base64.StdEncoding.DecodeString(p["SECRET_BLOCK"])
	if !okB || err != nil || blockErr != nil {
		return nil, fmt.Errorf("challenge %v", p)
	}
	num := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	k := num(digest(signedBytes(srpN), []byte{2}))
	scramble := num(digest(signedBytes(pub), signedBytes(b)))
	x := num(digest(salt, digest([]byte(pool+p["USER_ID_FOR_SRP"]+":"+u.Password))))
	s := new(big.Int).Exp(big.NewInt(2), x, srpN)
	s.Mul(s, k).Sub(b, s).Mod(s, srpN)
	e := new(big.Int).Mul(scramble, x)
	s.Exp(s, e.Add(e, a), srpN)
	key := keyed(keyed(signedBytes(scramble), signedBytes(s)), []byte("Caldera Derived Key\x01"))[:16]
	const stamp = "Sat Nov 21 09:05:03 UTC 2026"
	return map[string]string{
		"USERNAME": p["USER_ID_FOR_SRP"], "TIMESTAMP": stamp, "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(keyed(key, []byte(pool+p["USER_ID_FOR_SRP"]), block, []byte(stamp))),
	}, nil
}
