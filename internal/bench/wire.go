package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"
)

const (
	// requestTimeout bounds one request, slow peers under many clients included.
	requestTimeout = 2 * time.Minute
	// maxAnswer bounds an answer's body, in bytes: DynamoDB's pages are 1 MB before encoding.
	maxAnswer = 16 << 20
	maxHead   = 64 << 10
)

// conn is a kept-alive connection that reads just enough of HTTP/1.1 to find the end of an answer: it costs the machine far less
// than a general client, so that the server is what is measured.
type conn struct {
	net.Conn
	r *bufio.Reader
	// status and body are the last answer's; body is valid until the next.
	status int
	body   []byte
	// head keeps the lines of headers, if it is there.
	head *bytes.Buffer
}

// dialer opens connections to an endpoint.
type dialer struct {
	addr string
	tls  *tls.Config // nil for plain HTTP
}

func newDialer(endpoint string) (*dialer, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	d := &dialer{}
	if u.Scheme == "https" {
		d.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
		if port == "" {
			port = "443"
		}
	} else if port == "" {
		port = "80"
	}
	d.addr = net.JoinHostPort(u.Hostname(), port)
	return d, nil
}

func (d *dialer) dial(ctx context.Context) (*conn, error) {
	var nd net.Dialer
	c, err := nd.DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	if d.tls != nil {
		t := tls.Client(c, d.tls)
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c = t
	}
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 16<<10)}, nil
}

var (
	headLength  = []byte("content-length:")
	headCoding  = []byte("transfer-encoding:")
	headClose   = []byte("connection: close")
	errEnds     = errors.New("the server closes connections after an answer; only kept-alive ones are measured")
	errNotHTTP  = errors.New("the server does not speak HTTP/1.1")
	errTooLarge = errors.New("the server's answer is too large")
)

// send writes a request and reads its answer, whatever it is.
func (c *conn) send(request []byte) error {
	if err := c.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return errNotHTTP
	}
	if c.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return errNotHTTP
	}
	return c.rest()
}

// rest reads an answer after its first line.
func (c *conn) rest() error {
	length, chunked := -1, false
	for read := 0; ; {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if read += len(line); read > maxHead {
			return errTooLarge
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if c.head != nil {
			c.head.Write(line)
			c.head.WriteByte('\n')
		}
		switch {
		case hasFold(line, headLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(headLength):]))); err != nil {
				return fmt.Errorf("content length: %w", err)
			}
		case hasFold(line, headCoding):
			chunked = hasFold(bytes.TrimSpace(line[len(headCoding):]), []byte("chunked"))
		case hasFold(line, headClose):
			return errEnds
		}
	}
	if chunked {
		return c.chunks()
	}
	if length < 0 {
		return errors.New("an answer without length")
	}
	if length > maxAnswer {
		return errTooLarge
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err := io.ReadFull(c.r, c.body)
	return err
}

// chunks reads a chunked body.
func (c *conn) chunks() error {
	body, err := io.ReadAll(io.LimitReader(httputil.NewChunkedReader(c.r), maxAnswer))
	if err != nil {
		return err
	}
	c.body = body
	// the empty line after the last chunk; trailers are not used by this API
	line, err := c.r.ReadSlice('\n')
	if err == nil && len(bytes.TrimRight(line, "\r\n")) > 0 {
		err = errors.New("an answer with trailers")
	}
	return err
}

// hasFold reports whether line begins with prefix, in letters of any case.
func hasFold(line, prefix []byte) bool {
	return len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], prefix)
}
