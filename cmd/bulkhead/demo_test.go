package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// The demo keeps its server up, says how to reach it, and ends well when it is told to.
func TestDemoKeep(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("bulkhead", "demo", "--keep", "--store", "memory", "--data", t.TempDir())
	cmd.Env = os.Environ()
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test failed
	endpoint := ""
	for lines := bufio.NewScanner(said); lines.Scan() && !strings.Contains(lines.Text(), "and stop it"); {
		if _, after, ok := strings.Cut(lines.Text(), "AWS_ENDPOINT_URL="); ok {
			endpoint, _, _ = strings.Cut(after, " ")
		}
	}
	if endpoint == "" {
		t.Fatal("it does not say how to reach the server")
	}
	resp, err := http.Get(endpoint + "/-/readyz")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("HTTP %d, %v", resp.StatusCode, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}
