package protocol_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/bulkhead/bulkhead/internal/protocol"
)

// A Response has room for a few values of its header, and takes more.
func TestSetHeader(t *testing.T) {
	t.Parallel()
	w := protocol.Response{Header: http.Header{}}
	for i := range 10 {
		w.SetHeader("X-"+strconv.Itoa(i), "first"+strconv.Itoa(i))
	}
	for i := range 10 { // those that have room in the Response stand beside each other in it
		w.Header.Add("X-"+strconv.Itoa(i), "again")
	}
	for i := range 10 {
		if got := w.Header["X-"+strconv.Itoa(i)]; !slices.Equal(got, []string{"first" + strconv.Itoa(i), "again"}) {
			t.Errorf("header %d is %q", i, got)
		}
	}
	for i := range 10 {
		w.SetHeader("X-"+strconv.Itoa(i), strconv.Itoa(i))
		w.Header.Add("X-"+strconv.Itoa(i), "more")
	}
	for i := range 10 {
		if got := w.Header["X-"+strconv.Itoa(i)]; !slices.Equal(got, []string{strconv.Itoa(i), "more"}) {
			t.Errorf("header %d is %q", i, got)
		}
	}
}
