package jose

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
)

var testKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

const claims = `{"sub":"u","exp":1700000000}`

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	compact, err := Sign(keys[0], "k1", []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(compact)
	if err != nil || tok.KID != "k1" || string(tok.Claims) != claims {
		t.Fatalf("%+v, %v", tok, err)
	}
	if err := tok.Verify(&keys[0].PublicKey); err != nil {
		t.Error(err)
	}
	if err := tok.Verify(&keys[1].PublicKey); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
}

// TestOthersRead checks token and key set with an independent library.
func TestOthersRead(t *testing.T) {
	t.Parallel()
	key := testKeys()[0]
	compact, err := Sign(key, "k1", []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(Set{[]Key{Public("k1", &key.PublicKey)}})
	if err != nil {
		t.Fatal(err)
	}
	var set gojose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	jws, err := gojose.ParseSignedCompact(compact, []gojose.SignatureAlgorithm{gojose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	got, err := jws.Verify(set.Key("k1")[0])
	if err != nil || string(got) != claims {
		t.Errorf("%s, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good, err := Sign(testKeys()[0], "k1", []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	b64 := func(s string) string { return strict.EncodeToString([]byte(s)) }
	with := func(head string) string { return b64(head) + "." + parts[1] + "." + parts[2] }
	for name, s := range map[string]string{
		"empty": "", "dots": "..", "one part": parts[0], "two parts": parts[0] + "." + parts[1], "four parts": good + ".x",
		"five parts": good + ".x.y", "padding": parts[0] + "=." + parts[1] + "." + parts[2], "space": " " + good,
		"none": with(`{"alg":"none","kid":"k1"}`), "HS256": with(`{"alg":"HS256","kid":"k1"}`),
		"lower case": with(`{"alg":"rs256","kid":"k1"}`), "no kid": with(`{"alg":"RS256"}`),
		"crit":     with(`{"alg":"RS256","kid":"k1","crit":["exp"]}`),
		"long kid": with(`{"alg":"RS256","kid":"` + strings.Repeat("k", 257) + `"}`),
		"list":     parts[0] + "." + b64(`[]`) + "." + parts[2], "no claims": parts[0] + ".." + parts[2],
		"too long": good + strings.Repeat("A", MaxToken),
	} {
		if _, err := Parse(s); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTamperedTokens(t *testing.T) {
	t.Parallel()
	key := testKeys()[0]
	good, err := Sign(key, "k1", []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(good) {
		c := byte('A')
		if good[i] == c {
			c = 'Q'
		}
		tok, err := Parse(good[:i] + string(c) + good[i+1:])
		if err == nil {
			err = tok.Verify(&key.PublicKey)
		}
		if err == nil {
			t.Fatalf("a change of character %d went unseen", i)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.e30.AA")
	f.Add("..")
	key := testKeys()[0]
	f.Fuzz(func(t *testing.T, s string) {
		if tok, err := Parse(s); err == nil && tok.Verify(&key.PublicKey) == nil {
			t.Error("a forged token verified")
		}
	})
}
