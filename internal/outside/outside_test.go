package outside

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false,
		"192.168.1.1": false, "169.254.169.254": false, "0.0.0.0": false, "100.64.0.1": false, "224.0.0.1": false,
		"255.255.255.255": false, "::1": false, "::": false, "fe80::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::a9fe:a9fe": false, "::127.0.0.1": false,
		"2002:7f00:1::": false, "198.18.0.1": false, "240.0.0.1": false, "::ffff:8.8.8.8": true, "fe80::1%eth0": false,
	} {
		if got := Public(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	for _, u := range []string{"http://h", "ftp://h", "https://", "https://u:p@h", "https://h?x", "https://h#x", "https:h", "//h", ""} {
		if c.CheckURL(u, false) == nil {
			t.Errorf("%q accepted", u)
		}
	}
	if err := c.CheckURL("https://h/p?x", true); err != nil {
		t.Error(err)
	}
	if err := New(Options{AllowHTTP: true}).CheckURL("http://h/pool", false); err != nil {
		t.Error(err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	hits := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits++
		switch r.URL.Path {
		case "/fine":
			_, _ = w.Write([]byte(strings.Repeat(" ", MaxDocument)))
		case "/huge":
			_, _ = w.Write([]byte(strings.Repeat(" ", MaxDocument+1)))
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	c := New(Options{AllowPrivate: true, AllowHTTP: true})
	for path, ok := range map[string]bool{"/fine": true, "/huge": false, "/away": false, "/round": false, "/none": false} {
		if _, err := c.Get(t.Context(), s.URL+path, "*/*"); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		} else if err != nil && strings.Contains(err.Error(), s.URL) {
			t.Errorf("%s: the error has the URL: %v", path, err)
		}
	}
	before := hits
	if _, err := New(Options{AllowHTTP: true}).Get(t.Context(), s.URL+"/fine", "*/*"); err == nil || !strings.Contains(err.Error(), "not public") {
		t.Errorf("a private address: %v", err)
	}
	if _, err := New(Options{AllowPrivate: true}).Get(t.Context(), s.URL+"/fine", "*/*"); err == nil {
		t.Error("HTTP without consent")
	}
	if hits != before {
		t.Error("connected")
	}
}
