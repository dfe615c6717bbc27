package cognitoidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
)

// modulusText is N of RFC 5054 appendix A, 3072 bits; package srp's tests check theirs by its properties.
const modulusText = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd" +
	"ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed" +
	"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f" +
	"83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b" +
	"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510" +
	"15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7" +
	"abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c" +
	"bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff"

var rfc5054, _ = new(big.Int).SetString(modulusText, 16)

// srpClient signs in as amazon-cognito-identity-js does.
type srpClient struct {
	w      *world
	app    string
	a, pub *big.Int
	out    *api.InitiateAuthOutput
	stamp  string
}

func newSRP(w *world, app string) *srpClient {
	a := new(big.Int).SetBytes([]byte("an exponent that only a test would choose"))
	return &srpClient{w: w, app: app, a: a, pub: new(big.Int).Exp(big.NewInt(2), a, rfc5054), stamp: "Sat Nov 7 09:05:03 UTC 2026"}
}

func (c *srpClient) begin(name string) (*srpClient, error) {
	out, err := c.w.initiate(c.app, "USER_SRP_AUTH", map[string]string{"USERNAME": name, "SRP_A": c.pub.Text(16)})
	c.out = out
	return c, err
}

func hexBytes(n *big.Int) []byte {
	s := n.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	} else if strings.ContainsAny(s[:1], "89abcdef") {
		s = "00" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func sum(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func num(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

func (c *srpClient) responses(word string) map[string]string {
	p := c.out.ChallengeParameters
	user := p["USER_ID_FOR_SRP"]
	_, pool, _ := strings.Cut(c.w.pool, "_")
	b, _ := new(big.Int).SetString(p["SRP_B"], 16)
	salt, _ := new(big.Int).SetString(p["SALT"], 16)
	k := num(sum(hexBytes(rfc5054), []byte{2}))
	u := num(sum(hexBytes(c.pub), hexBytes(b)))
	x := num(sum(hexBytes(salt), sum([]byte(pool+user+":"+word))))
	s := new(big.Int).Exp(big.NewInt(2), x, rfc5054)
	s.Mul(s, k).Sub(b, s).Mod(s, rfc5054)
	e := new(big.Int).Mul(u, x)
	s.Exp(s, e.Add(e, c.a), rfc5054)
	key := mac(mac(hexBytes(u), hexBytes(s)), []byte("Caldera Derived Key\x01"))[:16]
	block, _ := base64.StdEncoding.DecodeString(p["SECRET_BLOCK"])
	return map[string]string{
		"USERNAME": user, "TIMESTAMP": c.stamp, "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(mac(key, []byte(pool+user), block, []byte(c.stamp))),
	}
}

func (c *srpClient) answer(word string) (*api.RespondToAuthChallengeOutput, error) {
	return c.send(c.app, c.responses(word))
}

func (c *srpClient) send(app string, responses map[string]string) (*api.RespondToAuthChallengeOutput, error) {
	return do(c.w, c.w.r.RespondToAuthChallenge, c.w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
		ClientId: &app, ChallengeName: "PASSWORD_VERIFIER", ChallengeResponses: responses,
	})
}

func TestSRP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	c := must(newSRP(w, w.app).begin("ana"))(t)
	out := must(c.answer(password))(t)
	must(w.getUser(*out.AuthenticationResult.AccessToken))(t)
	_, err := c.answer(password)
	want(t, "the same session again", err, "NotAuthorizedException", "Invalid session for the user.")
	c = must(newSRP(w, w.app).begin("ana"))(t)
	_, err = c.answer(otherWord)
	want(t, "wrong password", err, "NotAuthorizedException", "Incorrect username or password.")
	_, err = c.answer(password)
	want(t, "another guess at the same session", err, "NotAuthorizedException", "Invalid session for the user.")
}

func TestSRPAttacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	w.member("bob")
	for name, a := range map[string]string{
		"A = 0": "0", "A = N": rfc5054.Text(16), "A = 2N": new(big.Int).Lsh(rfc5054, 1).Text(16), "not hexadecimal": "xyz", "negative": "-5",
		"zeros": strings.Repeat("0", 768), "A = N after zeros": "00" + rfc5054.Text(16), "N + 1": new(big.Int).Add(rfc5054, big.NewInt(1)).Text(16),
		"oversized": strings.Repeat("f", 769), "very oversized": strings.Repeat("1", 8000), "prefixed": "0x5", "signed": "+5", "spaced": " 5",
		"with underscores": "5_5", "another alphabet": "\uff15", "a line": "5\n",
	} {
		_, err := w.initiate(w.app, "USER_SRP_AUTH", map[string]string{"USERNAME": "ana", "SRP_A": a})
		want(t, name, err, "InvalidParameterException", "Invalid SRP_A.")
	}
	for name, tc := range map[string]struct {
		change        func(map[string]string)
		code, message string
	}{
		"another name":         {func(m map[string]string) { m["USERNAME"] = "bob" }, "NotAuthorizedException", "Invalid session for the user."},
		"nobody":               {func(m map[string]string) { m["USERNAME"] = "carl" }, "NotAuthorizedException", "Invalid session for the user."},
		"made up session":      {func(m map[string]string) { m["PASSWORD_CLAIM_SECRET_BLOCK"] = "AAAA" }, "NotAuthorizedException", "Invalid session for the user."},
		"not base64":           {func(m map[string]string) { m["PASSWORD_CLAIM_SIGNATURE"] = "!" }, "InvalidParameterException", ""},
		"another time":         {func(m map[string]string) { m["TIMESTAMP"] = "Sun Nov 8 09:05:03 UTC 2026" }, "NotAuthorizedException", "Incorrect username or password."},
		"no time":              {func(m map[string]string) { m["TIMESTAMP"] = "now" }, "InvalidParameterException", ""},
		"missing signature":    {func(m map[string]string) { delete(m, "PASSWORD_CLAIM_SIGNATURE") }, "InvalidParameterException", "Missing required parameter PASSWORD_CLAIM_SIGNATURE"},
		"a time without words": {func(m map[string]string) { m["TIMESTAMP"] = "2026-11-07T09:05:03Z" }, "InvalidParameterException", "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english."},
		"a time elsewhere":     {func(m map[string]string) { m["TIMESTAMP"] = "Sat Nov 7 09:05:03 CET 2026" }, "InvalidParameterException", "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english."},
		"a signature cut off": {func(m map[string]string) {
			m["PASSWORD_CLAIM_SIGNATURE"] = m["PASSWORD_CLAIM_SIGNATURE"][:40]
		}, "NotAuthorizedException", "Incorrect username or password."},
		"a block with a bit changed": {func(m map[string]string) {
			b, _ := base64.StdEncoding.DecodeString(m["PASSWORD_CLAIM_SECRET_BLOCK"])
			b[len(b)/2] ^= 1
			m["PASSWORD_CLAIM_SECRET_BLOCK"] = base64.StdEncoding.EncodeToString(b)
		}, "NotAuthorizedException", "Invalid session for the user."},
		"missing name": {func(m map[string]string) { delete(m, "USERNAME") }, "InvalidParameterException", "Missing required parameter USERNAME"},
		"huge name":    {func(m map[string]string) { m["USERNAME"] = strings.Repeat("a", 9000) }, "InvalidParameterException", ""},
	} {
		c := must(newSRP(w, w.app).begin("ana"))(t)
		m := c.responses(password)
		tc.change(m)
		_, err := c.send(w.app, m)
		want(t, name, err, tc.code, tc.message)
	}
	c := must(newSRP(w, w.app).begin("ana"))(t)
	_, err := c.send(w.quiet, c.responses(password))
	want(t, "another client's session", err, "NotAuthorizedException", "Invalid session for the user.")
	w.now = w.now.Add(3 * time.Minute)
	_, err = c.answer(password)
	want(t, "late", err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
	c = must(newSRP(w, w.app).begin("ana"))(t)
	must(do(w, w.r.AdminUserGlobalSignOut, w.s.AdminUserGlobalSignOut, &api.AdminUserGlobalSignOutInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	_, err = c.answer(password)
	want(t, "signed out meanwhile", err, "NotAuthorizedException", "Invalid session for the user.")
}

// TestSRPBlocksAreOfOnePlace holds that a block answers its own pool, user and challenge, and one B one claim.
func TestSRPBlocksAreOfOnePlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	w.member("bob")
	elsewhere := *w
	elsewhere.pool = *must(do(w, w.r.CreateUserPool, w.s.CreateUserPool, &api.CreateUserPoolInput{PoolName: new("other")}))(t).UserPool.Id
	elsewhere.app = elsewhere.newClient(nil)
	elsewhere.member("ana")
	const refused, session = "NotAuthorizedException", "Invalid session for the user."

	c := must(newSRP(w, w.app).begin("ana"))(t)
	mine := c.responses(password)
	_, err := do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
		ClientId: &elsewhere.app, ChallengeName: "PASSWORD_VERIFIER", ChallengeResponses: mine,
	})
	want(t, "another pool's block", err, refused, session)
	bobs := must(newSRP(w, w.app).begin("bob"))(t).responses(password)
	mixed := map[string]string{}
	for k, v := range mine {
		mixed[k] = v
	}
	mixed["PASSWORD_CLAIM_SECRET_BLOCK"] = bobs["PASSWORD_CLAIM_SECRET_BLOCK"]
	_, err = c.send(w.app, mixed)
	want(t, "another user's block", err, refused, session)
	again := must(newSRP(w, w.app).begin("ana"))(t)
	crossed := again.responses(password)
	crossed["PASSWORD_CLAIM_SECRET_BLOCK"] = mine["PASSWORD_CLAIM_SECRET_BLOCK"]
	_, err = again.send(w.app, crossed)
	want(t, "the block of another B", err, refused, "Incorrect username or password.")
	_, err = c.send(w.app, mine)
	want(t, "that B once more", err, refused, session)
	must(again.answer(password))(t)
	if first, second := c.out.ChallengeParameters["SRP_B"], again.out.ChallengeParameters["SRP_B"]; first == second {
		t.Error("one B twice")
	}
}
