package limit

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestRateAndBurst(t *testing.T) {
	t.Parallel()
	l := New(time.Second, 3)
	now := time.Unix(1_790_000_000, 0)
	for i := range 3 {
		if !l.Allow("a", now) {
			t.Fatalf("event %d of the burst is refused", i)
		}
	}
	if l.Allow("a", now) {
		t.Error("the burst has no end")
	}
	if !l.Allow("b", now) {
		t.Error("a key pays for another")
	}
	if l.Allow("a", now.Add(999*time.Millisecond)) {
		t.Error("an event comes before its time")
	}
	if !l.Allow("a", now.Add(time.Second)) || l.Allow("a", now.Add(time.Second)) {
		t.Error("the rate is not one a second")
	}
	later, burst := now.Add(time.Hour), 0
	for l.Allow("a", later) {
		burst++
	}
	if burst != 3 {
		t.Errorf("after a rest the burst is %d, not three", burst)
	}
	if !(*Limiter)(nil).Allow("a", now) {
		t.Error("no limit refuses")
	}
}

func TestRefusedEventsDoNotCount(t *testing.T) {
	t.Parallel()
	l := New(time.Second, 1)
	now := time.Unix(1_790_000_000, 0)
	l.Allow("a", now)
	for range 1000 {
		l.Allow("a", now)
	}
	if !l.Allow("a", now.Add(time.Second)) {
		t.Error("refused events keep a client out")
	}
}

func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	l := New(time.Hour, 1)
	now := time.Unix(1_790_000_000, 0)
	for i := range 3 * maxKeys {
		l.Allow(fmt.Sprint(i), now)
	}
	if n := len(l.young) + len(l.old); n > 2*maxKeys {
		t.Errorf("%d keys are remembered", n)
	}
	if l.Allow(fmt.Sprint(3*maxKeys-1), now) || l.Allow(fmt.Sprint(2*maxKeys+1), now) {
		t.Error("a key of the last ones is forgotten")
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Client(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s is counted as %s, not %s", in, got, want)
		}
	}
	if got := Client(netip.Addr{}); got != "invalid IP" {
		t.Errorf("no address is counted as %s", got)
	}
}
