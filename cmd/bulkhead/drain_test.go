package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bulkhead/bulkhead/test/sim/proc"
)

const (
	drainID     = "AKIADRAINTESTROOTKEY"
	drainSecret = "a/secret+for-the-test-of-draining-00001"
	drainBody   = "Action=GetCallerIdentity&Version=2011-06-15"
)

// serveForDrain starts a server that gives requests so long to end.
func serveForDrain(t *testing.T, timeout string) *proc.Server {
	t.Helper()
	cmd := exec.Command("bulkhead", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--drain-timeout", timeout)
	cmd.Env = append(os.Environ(), "BULKHEAD_ROOT_ACCESS_KEY_ID="+drainID, "BULKHEAD_ROOT_SECRET_ACCESS_KEY="+drainSecret)
	s, err := proc.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// beginRequest sends a signed request but for the last byte of its body, and returns when the server is reading that: a
// connection that only waits to be accepted is not one that a server must serve to its end.
func beginRequest(t *testing.T, endpoint string) net.Conn {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, endpoint+"/", strings.NewReader(drainBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(drainBody))
	creds := aws.Credentials{AccessKeyID: drainID, SecretAccessKey: drainSecret}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, req, hex.EncodeToString(sum[:]), "sts", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(b.Bytes()[:b.Len()-1]); err != nil {
		t.Fatal(err)
	}
	const reading = "HTTP/1.1 100 Continue\r\n\r\n"
	said := make([]byte, len(reading))
	if _, err := io.ReadFull(conn, said); err != nil || string(said) != reading {
		t.Fatalf("the server said %q: %v", said, err)
	}
	return conn
}

// waitRefused waits until the server takes no new connections.
func waitRefused(t *testing.T, endpoint string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(endpoint, "http://"), time.Second)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server still takes connections")
		}
	}
}

func TestTermDrains(t *testing.T) {
	t.Parallel()
	s := serveForDrain(t, "15s")
	conn := beginRequest(t, s.Endpoint)
	if err := s.Terminate(); err != nil {
		t.Fatal(err)
	}
	waitRefused(t, s.Endpoint)
	select {
	case <-s.Exited():
		t.Fatal("the server ended with a request running")
	default:
	}
	if _, err := fmt.Fprint(conn, drainBody[len(drainBody)-1:]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the running request was answered with %s", resp.Status)
	}
	if status := s.Wait(); status != 0 {
		t.Errorf("exit status %d: %s", status, s.Log())
	}
}

func TestDrainEndsAtItsTimeout(t *testing.T) {
	t.Parallel()
	s := serveForDrain(t, "100ms")
	beginRequest(t, s.Endpoint)
	if err := s.Terminate(); err != nil {
		t.Fatal(err)
	}
	if status := s.Wait(); status != exitFailure {
		t.Errorf("exit status %d", status)
	}
	if !strings.Contains(s.Log(), "requests were still running when the drain time-out ended") {
		t.Errorf("log: %s", s.Log())
	}
}
