package bench

import (
	"bufio"
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// job tells the client process what to do: keep prepared requests under a name, or send those of a name to an address
// over so many connections, each with one request under way, for a time (or each request once if Time is 0); or, with SRP,
// sign in over and over.
type job struct {
	Name     string
	Requests [][]byte
	Addr     string
	Conns    int
	Time     time.Duration
	SRP      *srpUser
}

// report is what came of a job.
type report struct {
	Count int
	Took  time.Duration
	Err   string
}

// client is the parent's end of the client process.
type client struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *gob.Encoder
	dec *gob.Decoder
}

func startClient() (*client, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &client{cmd: exec.Command(exe)}
	c.cmd.Env = append(os.Environ(), childEnv+"=1")
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.enc, c.dec = gob.NewEncoder(c.in), gob.NewDecoder(out)
	return c, c.cmd.Start()
}

func (c *client) do(j job) (report, error) {
	var r report
	if err := c.enc.Encode(&j); err != nil {
		return r, err
	}
	if err := c.dec.Decode(&r); err != nil {
		return r, err
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

func (c *client) close() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }

// load is a side that sends prepared requests.
func (c *client) load(name, requests, addr string, conns int) side {
	return side{name, func(d time.Duration) (done, error) {
		r, err := c.do(job{Name: requests, Addr: addr, Conns: conns, Time: d})
		return done{r.Count, r.Took}, err
	}}
}

// serveLoad is the client process: it does jobs until its input ends.
func serveLoad(in io.Reader, out io.Writer) error {
	debug.SetGCPercent(400)
	batches := map[string][][]byte{}
	enc, dec := gob.NewEncoder(out), gob.NewDecoder(in)
	for {
		var j job
		if err := dec.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var r report
		switch {
		case j.Requests != nil:
			batches[j.Name] = j.Requests
		case j.SRP != nil:
			r = j.signIn()
		default:
			r = j.run(batches[j.Name])
		}
		if err := enc.Encode(&r); err != nil {
			return err
		}
	}
}

func (j *job) run(requests [][]byte) report {
	conns := make([]*conn, j.Conns)
	for i := range conns {
		c, err := dial(j.Addr)
		if err != nil {
			return report{Err: err.Error()}
		}
		defer c.Close() //nolint:errcheck,revive // all stay open until the end, where nothing more is read
		conns[i] = c
	}
	var (
		next, done atomic.Int64
		failure    atomic.Pointer[error]
		wg         sync.WaitGroup
	)
	start := time.Now()
	for _, c := range conns {
		wg.Go(func() {
			for failure.Load() == nil {
				i := int(next.Add(1) - 1)
				if j.Time == 0 && i >= len(requests) || j.Time > 0 && time.Since(start) >= j.Time {
					return
				}
				if err := c.send(requests[i%len(requests)]); err != nil {
					failure.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	r := report{Count: int(done.Load()), Took: time.Since(start)}
	if e := failure.Load(); e != nil {
		r.Err = (*e).Error()
	}
	return r
}

// conn is a kept-alive connection that reads just enough of HTTP/1.1 to find the end of an answer: it costs the machine
// far less than a real client.
type conn struct {
	net.Conn
	r *bufio.Reader
	// Head and Body are the last answer's.
	head, body []byte
}

func dial(addr string) (*conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 16<<10)}, nil
}

var contentLength = []byte("Content-Length:")

// send writes a request and reads its answer, which must be a success.
func (c *conn) send(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	c.head = c.head[:0]
	length := -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		c.head = append(c.head, line...)
		if len(line) == 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer without length: %q", c.head)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.r, c.body); err != nil {
		return err
	}
	if !bytes.HasPrefix(c.head, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("%s%s", c.head, c.body)
	}
	return nil
}
