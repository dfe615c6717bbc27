package bench

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

// FuzzAnswer reads answers of servers that say anything.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add(a.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := answering(text)
		for range 3 {
			if c.send(nil) != nil {
				return
			}
			if len(c.body) > maxAnswer {
				t.Errorf("a body of %d bytes", len(c.body))
			}
		}
	})
}

var answers = []struct{ text, body, fails string }{
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "{}", ""},
	{"HTTP/1.1 400 Bad Request\r\nx: y\r\ncontent-length:2\r\n\r\n[]", "[]", ""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "{}", ""},
	{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", "", "closes connections"},
	{"HTTP/1.1 200 OK\r\n\r\n{}", "", "without length"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}", "", "too large"},
	{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", "", "without length"},
	{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", "", "content length"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "", "EOF"},
	{"HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", maxHead/6+1) + "\r\n", "", "too large"},
	{"SSH-2.0-OpenSSH_9.9p1 somewhere\r\n", "", "does not speak"},
}

// answering is a connection with a server that has said all it will say.
func answering(text string) *conn {
	return &conn{Conn: silent{}, r: bufio.NewReader(strings.NewReader(text))}
}

// silent takes all and says nothing.
type silent struct{ net.Conn }

func (silent) Write(b []byte) (int, error)   { return len(b), nil }
func (silent) SetDeadline(_ time.Time) error { return nil }

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, a := range answers {
		text := a.text
		if a.fails == "" {
			text += text
		}
		c := answering(text)
		for range 2 {
			err := c.send(nil)
			if a.fails != "" {
				if err == nil || !strings.Contains(err.Error(), a.fails) {
					t.Errorf("%q: %v", a.text, err)
				}
				break
			}
			if err != nil || string(c.body) != a.body {
				t.Errorf("%q: %q, %v", a.text, c.body, err)
			}
		}
	}
}
