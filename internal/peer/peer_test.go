package peer

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestClientBehindProxies(t *testing.T) {
	t.Parallel()
	trusted, err := Parse([]string{"10.0.0.0/8", "192.0.2.1", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		remote  string
		forward []string
		want    string
	}{
		"direct":                   {"203.0.113.9:4444", nil, "203.0.113.9"},
		"a client's own header":    {"203.0.113.9:4444", []string{"198.51.100.1"}, "203.0.113.9"},
		"one proxy":                {"10.0.0.1:1", []string{"203.0.113.9"}, "203.0.113.9"},
		"two proxies":              {"10.0.0.1:1", []string{"203.0.113.9, 192.0.2.1"}, "203.0.113.9"},
		"what the client wrote":    {"10.0.0.1:1", []string{"127.0.0.1, 198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		"claims to be a proxy":     {"10.0.0.1:1", []string{"198.51.100.1, 10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		"several headers":          {"10.0.0.1:1", []string{"198.51.100.1", "203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		"no header":                {"10.0.0.1:1", nil, "10.0.0.1"},
		"nonsense":                 {"10.0.0.1:1", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		"nonsense behind a proxy":  {"10.0.0.1:1", []string{"203.0.113.9, \x00, 10.0.0.2"}, "10.0.0.2"},
		"with a port":              {"10.0.0.1:1", []string{"203.0.113.9:5555"}, "203.0.113.9"},
		"IPv6":                     {"[fd00::1]:1", []string{"[2001:db8::9]:5555"}, "2001:db8::9"},
		"IPv4 in IPv6":             {"[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"only proxies":             {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"an IPv6 zone is no route": {"10.0.0.1:1", []string{"fe80::1%10.0.0.2"}, "fe80::1"},
	}
	for name, c := range cases {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		for _, v := range c.forward {
			r.Header.Add("X-Forwarded-For", v)
		}
		got := ""
		trusted.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = Addr(r).String() })).ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s: the client is %s, not %s", name, got, c.want)
		}
	}
}

func TestSecure(t *testing.T) {
	t.Parallel()
	trusted, err := Parse([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		remote, proto string
		want          bool
	}{
		{"10.0.0.1:1", "https", true}, {"10.0.0.1:1", "http", false}, {"10.0.0.1:1", "https, http", false}, {"10.0.0.1:1", "", false},
		{"203.0.113.9:1", "https", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-Proto", c.proto)
		trusted.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if Secure(r) != c.want {
				t.Errorf("%+v: secure is %t", c, Secure(r))
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
	if !Secure(httptest.NewRequest(http.MethodGet, "https://bulkhead/", nil)) {
		t.Error("a request over TLS is not secure")
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if r.RemoteAddr = "127.0.0.1:5"; !Local(r) {
		t.Error("a request on this machine is not local")
	}
	r.Header.Set("X-Forwarded-For", "127.0.0.1")
	if Local(r) {
		t.Error("a request through a proxy on this machine is local")
	}
	r.Header.Del("X-Forwarded-For")
	if r.RemoteAddr = "203.0.113.9:5"; Local(r) {
		t.Error("a request from elsewhere is local")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "10.0.0.0/33", "example.com", "0.0.0.0/0", "::/0", "10.0.0.1:80"} {
		if _, err := Parse([]string{bad}); err == nil {
			t.Errorf("%q is taken for a network", bad)
		}
	}
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.1")
	f.Add("[2001:db8::1%x]:80,,")
	trusted, err := Parse([]string{"10.0.0.0/8"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		a := trusted.client(addrOf("10.0.0.1:1"), []string{header})
		if !a.IsValid() || a.Zone() != "" {
			t.Errorf("%q gives the client %v", header, a)
		}
	})
}
