package sim

import (
	"bufio"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
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
	// loses says of what is sent whether the connection is to lose it, and all that follows; lost is closed at the first. Asked is
	// what the server has been asked since it answered last; answer is nil of more that is asked.
	loses func(asked, answer []byte) bool
	lost  chan struct{}
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
	var gone atomic.Bool
	var asked []byte // under mu
	for i, c := range [][2]net.Conn{{client, server}, {server, client}} {
		wg.Go(func() {
			p.pass(c[0], c[1], i == 1, &gone, &asked)
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

// pass gives on what comes, until the connection loses it.
func (p *proxy) pass(to io.Writer, from io.Reader, toServer bool, gone *atomic.Bool, asked *[]byte) {
	chunk := make([]byte, 1<<20)
	for {
		n, err := from.Read(chunk)
		if n > 0 && !gone.Load() && p.drops(toServer, asked, chunk[:n]) {
			gone.Store(true)
		}
		if !gone.Load() {
			if _, err := to.Write(chunk[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) drops(toServer bool, asked *[]byte, chunk []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if toServer {
		*asked = append(*asked, chunk...)
		chunk = nil
	} else {
		defer func() { *asked = nil }()
	}
	if p.loses == nil || !p.loses(*asked, chunk) {
		return false
	}
	select {
	case <-p.lost:
	default:
		close(p.lost)
	}
	return true
}

// lose has each connection lose what the function says, and all that follows it, until the server is cut off. The channel is
// closed at the first.
func (p *proxy) lose(what func(asked, answer []byte) bool) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loses, p.lost = what, make(chan struct{})
	return p.lost
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
	p.loses = nil
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// ownDB is a database server of a test's own, which can be crashed.
type ownDB struct {
	url string
	in  io.Writer
	out *bufio.Reader
}

// ownDatabase starts one.
func ownDatabase(t *testing.T) *ownDB {
	t.Helper()
	postgres(t) // where there is one there is another
	cmd := exec.Command("../postgres.sh", "start")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	db := &ownDB{in: in, out: bufio.NewReader(out)}
	db.url = db.line(t)
	return db
}

func (db *ownDB) line(t *testing.T) string {
	t.Helper()
	line, err := db.out.ReadString('\n')
	if err != nil {
		t.Errorf("the database server: %v", err)
	}
	return strings.TrimSpace(line)
}

// tell stops the server as a crash does, or starts it again, and waits until that is done.
func (db *ownDB) tell(t *testing.T, what string) {
	t.Helper()
	if _, err := io.WriteString(db.in, what+"\n"); err != nil {
		t.Error(err)
	}
	if got := db.line(t); got != what {
		t.Errorf("%s: the database server says %q", what, got)
	}
}
