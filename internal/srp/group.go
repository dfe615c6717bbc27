package srp

import (
	"crypto/sha256"
	"math/big"
	"sync"
)

// elementSize is the length of a group element, in bytes.
const elementSize = 384

// exponentSize is the length of the exponents used with the fixed base, in bytes: x and u are SHA-256 values, and b has
// the 256 bits that RFC 5054 section 2.5.3 asks for at least.
const exponentSize = 32

// modulus is N of the 3072-bit group of RFC 5054 appendix A, which is 2^3072 - 2^3008 - 1 + 2^64·([2^2942·π] + 1690314).
const modulus = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd" +
	"ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed" +
	"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f" +
	"83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b" +
	"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510" +
	"15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7" +
	"abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c" +
	"bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff"

// The group: N, g and the multiplier k = H(pad(N) | pad(g)), where Cognito's clients pad both only to whole signed bytes.
var (
	groupN = mustHex(modulus)
	groupG = big.NewInt(2)
	groupK = hashInt(signed(groupN), signed(groupG))
)

func mustHex(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic("srp: a constant of the group is not hexadecimal")
	}
	return n
}

// signed is n as a big-endian two's-complement integer in as few bytes as it takes, the form that Cognito's clients hash.
func signed(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		return append([]byte{0}, b...)
	}
	return b
}

func hashInt(parts ...[]byte) *big.Int {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return new(big.Int).SetBytes(h.Sum(nil))
}

const (
	window  = 6
	windows = (exponentSize*8 + window - 1) / window
)

// fixedBase holds g^(d·2^(6i) + s) mod N for each window i and digit d, and what takes the sum of the shifts s back out.
// The shift keeps every entry as long as N, so that each of the 43 multiplications has operands of full length whatever
// the digit is: math/big takes shorter time for shorter operands, and powers of 2 are short.
type fixedBase struct {
	entries [windows][1 << window]*big.Int
	undo    *big.Int
}

// About a megabyte and some 20 ms, paid by the first sign-in.
var base = sync.OnceValue(newFixedBase)

func newFixedBase() *fixedBase {
	t := &fixedBase{}
	shift := new(big.Int).Exp(groupG, new(big.Int).SetBytes(sha256Sum("bulkhead/srp/shift")), groupN)
	step := new(big.Int).Set(groupG)
	for i := range t.entries {
		e := shift
		for d := range t.entries[i] {
			t.entries[i][d] = e
			e = mulMod(e, step)
		}
		step.Exp(step, big.NewInt(1<<window), groupN)
	}
	t.undo = new(big.Int).Exp(shift, big.NewInt(windows), groupN)
	t.undo.ModInverse(t.undo, groupN)
	return t
}

func sha256Sum(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func mulMod(a, b *big.Int) *big.Int {
	p := new(big.Int).Mul(a, b)
	return p.Mod(p, groupN)
}

// power returns g^e mod N for an exponent of at most exponentSize bytes.
func (t *fixedBase) power(e []byte) *big.Int {
	var padded [exponentSize]byte
	copy(padded[exponentSize-len(e):], e)
	r := t.undo
	for i := range t.entries {
		r = mulMod(r, t.entries[i][digit(&padded, i*window)])
	}
	return r
}

// digit returns the six bits of the big-endian e that begin at bit.
func digit(e *[exponentSize]byte, bit int) int {
	at := exponentSize - 1 - bit/8
	v := int(e[at])
	if at > 0 {
		v |= int(e[at-1]) << 8
	}
	return v >> (bit % 8) & (1<<window - 1)
}
