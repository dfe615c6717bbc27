package pipeline

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// keeping is a ResponseWriter that keeps what it was given, as one may that fails.
type keeping struct {
	header http.Header
	body   []byte
	err    error
}

func (w *keeping) Header() http.Header { return w.header }

func (*keeping) WriteHeader(int) {}

func (w *keeping) Write(b []byte) (int, error) {
	w.body = b
	return len(b), w.err
}

func (w *world) answerTo(said string, err error) []byte {
	out := &keeping{header: http.Header{}, err: err}
	w.ServeHTTP(out, w.request("able", "Get", fmt.Sprintf(`{"Name":%q}`, said)))
	return out.body
}

// Memory that a writer has failed to send, and may still have, is not used for another answer. What is used again holds nothing of the
// answer before. No other test may run beside this one: its answers would be written into the memory that is looked at.
func TestRoomOfAnswers(t *testing.T) { //nolint:paralleltest // see above
	w := newWorld(t)
	size, frame, reset := len(room{}), len(`{"Said":""}`), errors.New("reset")
	kept := map[string][]byte{}
	for _, said := range []string{
		"first", strings.Repeat("f", size-frame-1), strings.Repeat("f", size-frame), strings.Repeat("f", size-frame+1), strings.Repeat("f", 3*size), "",
	} {
		body := w.answerTo(said, reset)
		if want := fmt.Sprintf(`{"Said":%q}`, said); said != "" && string(body) != want {
			t.Fatalf("%d bytes are answered by %.40q", len(said), body)
		}
		kept[string(body)] = body
	}
	for i := range 50 {
		if left := strings.Trim(string(w.answerTo(strings.Repeat("other", i), nil)), "\x00"); i > 0 && left != "" {
			t.Fatalf("after an answer was sent its memory holds %.40q", left)
		}
	}
	for was, body := range kept {
		if string(body) != was {
			t.Errorf("what was %.40q, and not sent, is now %.40q", was, body)
		}
	}
}
