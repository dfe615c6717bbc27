package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// FloorName is the floor's name in results, unless an endpoint has it.
const FloorName = "floor"

// teachPath is where the floor is told what to answer.
const teachPath = "/-/answer"

// learned is an answer of the first endpoint, which the floor gives byte for byte but for the date.
type learned struct {
	Header http.Header
	Body   []byte
}

// ServeFloor answers requests with the least that a server of net/http can do: it reads the body and gives the answer that it was
// taught last. It checks nothing and stores nothing, so that no server that speaks HTTP this way costs less. It ends with ctx.
func ServeFloor(ctx context.Context, l net.Listener) error {
	var answer atomic.Pointer[learned]
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAnswer))
			if err == nil && r.URL.Path == teachPath {
				a := new(learned)
				if err = json.Unmarshal(body, a); err == nil {
					answer.Store(a)
					return
				}
			}
			a := answer.Load()
			if err != nil || a == nil {
				http.Error(w, "the floor was taught no answer", http.StatusBadRequest)
				return
			}
			h := w.Header()
			for name, values := range a.Header {
				h[name] = values
			}
			w.Write(a.Body) //nolint:errcheck // the client notices
		}),
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() }) //nolint:errcheck // Serve tells of its end
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// teach asks the first endpoint for its answer to a request, and tells it to the floor.
func (p *peer) teach(ctx context.Context, first *peer, request []byte) error {
	c, err := first.dialer.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // it has answered
	c.head = new(bytes.Buffer)
	if err := c.send(request); err != nil {
		return err
	}
	if !c.succeeded() {
		return fmt.Errorf("the first endpoint answers %s", c.failure())
	}
	a := learned{c.header(), bytes.Clone(c.body)}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, p.URL+teachPath, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the floor answers HTTP %d", resp.StatusCode)
	}
	return nil
}

// header is that of the answer that was kept, without what the server adds by itself.
func (c *conn) header() http.Header {
	h := http.Header{}
	for line := range bytes.Lines(c.head.Bytes()) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if key := http.CanonicalHeaderKey(string(name)); key != "Date" && key != "Content-Length" && key != "Transfer-Encoding" {
			h[key] = append(h[key], string(bytes.TrimSpace(value)))
		}
	}
	return h
}
