package sim

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres returns the URL of the test's PostgreSQL server, or skips the test; where everything must run it fails.
func postgres(t *testing.T) string {
	t.Helper()
	base := os.Getenv("BULKHEAD_TEST_POSTGRES")
	if base == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("BULKHEAD_TEST_POSTGRES is not set")
		}
		t.Skip("BULKHEAD_TEST_POSTGRES is not set; test/postgres.sh run go test … sets it")
	}
	return base
}

// database makes a database of the test's own and returns its URL.
func database(t *testing.T) string {
	t.Helper()
	base := postgres(t)
	name := "sim_" + strings.ToLower(rand.Text())
	execute(t, base, "create database "+name)
	t.Cleanup(func() { execute(t, base, "drop database "+name+" with (force)") })
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func execute(t *testing.T, server, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // the statement is done
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

// proxy stands between a server and its database, and can cut them off from each other.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// newProxy returns the proxy and the URL of the database through it.
func newProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: u.Host, conns: map[net.Conn]bool{}}
	go p.run()
	t.Cleanup(func() {
		_ = l.Close()
		p.set(true)
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) run() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.join(conn)
	}
}

func (p *proxy) join(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.keep(client, server) {
		_ = client.Close()
		if err == nil {
			_ = server.Close()
		}
		return
	}
	var wg sync.WaitGroup
	for _, c := range [][2]net.Conn{{client, server}, {server, client}} {
		wg.Go(func() {
			_, _ = io.Copy(c[0], c[1])
			_ = c[0].Close()
			_ = c[1].Close()
		})
	}
	wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

// keep reports whether the connections may be used, and notes them to be cut off later.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.cut
}

// set cuts the server off from its database, or ends that.
func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if !cut {
		return
	}
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}
