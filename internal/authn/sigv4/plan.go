package sigv4

import (
	"crypto/subtle"
	"strings"
	"sync"
	"time"
)

// plan is all of a signature that stays the same from one request of a client to its next: the Authorization header up
// to the signature, taken apart, and the signing key. Clients repeat it to the byte for a whole day.
type plan struct {
	id, date, region, service, scope string
	signedHeaders                    string
	midnight                         int64 // of date, in Unix seconds
	headers                          []signedHeader
	host, token                      bool
	amz                              int // x-amz-* headers that are signed

	// secret is what key came from: key counts only for the very same secret, so that a rotated or re-made secret never
	// meets an old key.
	secret []byte
	key    macKey
}

// signedHeader is one name of SignedHeaders.
type signedHeader struct {
	line string // "name:"
	key  string // as net/http has it in Request.Header
}

// maxSignedNames bounds the headers that one request signs.
const maxSignedNames = 256

// compileHeaders takes a list of signed headers apart. It is false for one that no signer writes: not sorted, with a
// name twice, or with a name that is no lower-case token.
func (p *plan) compileHeaders(list string) bool {
	prev := ""
	for name := range strings.SplitSeq(list, ";") {
		if name <= prev || len(p.headers) == maxSignedNames || name == "authorization" {
			return false
		}
		prev = name
		key := []byte(name)
		for i, c := range key {
			if c >= 'A' && c <= 'Z' || c <= ' ' || c >= 0x7f || c == ':' || c == ',' {
				return false
			}
			if (i == 0 || key[i-1] == '-') && c >= 'a' && c <= 'z' {
				key[i] = c - ('a' - 'A')
			}
		}
		switch {
		case name == "host":
			p.host = true
		case name == "x-amz-security-token":
			p.token = true
			p.amz++
		case strings.HasPrefix(name, "x-amz-"):
			p.amz++
		}
		p.headers = append(p.headers, signedHeader{name + ":", string(key)})
	}
	p.signedHeaders = list
	return true
}

// clonePlan makes a plan to keep, which shares nothing with the request's memory.
func clonePlan(sig *Signature, p *plan) *plan {
	q := &plan{
		scope: strings.Clone(sig.scope), id: strings.Clone(sig.AccessKeyID), signedHeaders: strings.Clone(p.signedHeaders),
		headers: p.headers, host: p.host, token: p.token, amz: p.amz,
	}
	q.date, q.region, q.service = q.scope[:8], strings.Clone(sig.Region), strings.Clone(sig.Service)
	y, m, d := sig.Time.Date()
	q.midnight = time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()
	return q
}

// fill copies what a plan knows into a signature.
func (p *plan) fill(sig *Signature) {
	sig.plan = p
	sig.AccessKeyID, sig.Date, sig.Region, sig.Service = p.id, p.date, p.region, p.service
	sig.scope, sig.signedHeaders = p.scope, p.signedHeaders
}

// secretIs compares in constant time.
func (p *plan) secretIs(secret []byte) bool {
	return len(p.secret) > 0 && subtle.ConstantTimeCompare(p.secret, secret) == 1
}

const planShards = 16

// maxLists bounds the lists of signed headers that are shared: clients are of few kinds.
const maxLists = 256

// planCache holds the plans of signatures that were verified before, at most shardMax in each shard.
type planCache struct {
	shardMax int

	// lists are the lists of signed headers of plans, taken apart. Sessions of one kind of client share one, instead of a dozen
	// pieces of memory each.
	listsMu sync.Mutex
	lists   map[string][]signedHeader
	shards  [planShards]struct {
		mu sync.RWMutex
		m  map[string]*plan
	}
}

func newPlanCache(size int) *planCache {
	c := &planCache{shardMax: max(1, size/planShards), lists: map[string][]signedHeader{}}
	for i := range c.shards {
		c.shards[i].m = make(map[string]*plan)
	}
	return c
}

// shard mixes a few characters from within the access key id, where callers differ.
func (c *planCache) shard(key string) int {
	h := uint32(0)
	for i := 38; i < 42 && i < len(key); i++ {
		h = h*31 + uint32(key[i])
	}
	return int(h % planShards)
}

// find returns the plan under a key; a nil cache has none.
func (c *planCache) find(key string) *plan {
	if c == nil {
		return nil
	}
	s := &c.shards[c.shard(key)]
	s.mu.RLock()
	p := s.m[key]
	s.mu.RUnlock()
	return p
}

// share gives a plan to keep the list of signed headers that the others of its kind have.
func (c *planCache) share(p *plan) {
	c.listsMu.Lock()
	defer c.listsMu.Unlock()
	if same, ok := c.lists[p.signedHeaders]; ok {
		p.headers = same
		return
	}
	for old := range c.lists { // the map's order is random, and plans keep what they have
		if len(c.lists) < maxLists {
			break
		}
		delete(c.lists, old)
	}
	c.lists[p.signedHeaders] = p.headers
}

// put keeps a plan. When a shard is full an arbitrary entry leaves it: the map's order is random, and a plan costs only
// a few microseconds to make again.
func (c *planCache) put(key string, p *plan) {
	s := &c.shards[c.shard(key)]
	s.mu.Lock()
	defer s.mu.Unlock()
	for old := range s.m {
		if len(s.m) < c.shardMax {
			break
		}
		delete(s.m, old)
	}
	s.m[strings.Clone(key)] = p
}

func (c *planCache) len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.m)
		s.mu.RUnlock()
	}
	return n
}
