package objects

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A storage that takes nothing of what it is sent does not hold an upload for ever.
func TestUploadsThatAreNotTakenEnd(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	t.Cleanup(func() {
		if err := errors.Join(near.Close(), far.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := (&taken{near, time.Millisecond}).Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write that nobody reads: %v", err)
	}
}
