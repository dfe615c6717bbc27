// Package proc runs server processes for tests: it starts them, finds out where they listen, and ends them.
package proc

import (
	"bytes"
	"errors"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// startTimeout bounds the wait for a process to say where it listens, or to end when it was asked to.
const startTimeout = 20 * time.Second

// serving is the line by which a server says where it listens.
var serving = regexp.MustCompile(`msg=serving endpoint=(\S+)`)

// Server is a server process.
type Server struct {
	// Endpoint is the URL that it serves on.
	Endpoint string

	cmd    *exec.Cmd
	log    log
	exited chan struct{} // closed when the process has ended
}

// Start starts the command and waits until it serves. The error of a process that ends instead holds what it logged.
// Whoever starts a server ends it, by Kill or Stop.
func Start(cmd *exec.Cmd) (*Server, error) {
	s := &Server{cmd: cmd, log: log{serves: make(chan string, 1)}, exited: make(chan struct{})}
	cmd.Stderr = &s.log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.exited)
		// The status is in cmd.ProcessState, and the log says the rest.
		_ = cmd.Wait()
	}()
	select {
	case s.Endpoint = <-s.log.serves:
		return s, nil
	case <-s.exited:
		return nil, errors.New("the server ended at its start: " + s.log.String())
	case <-time.After(startTimeout):
		s.Kill()
		return nil, errors.New("the server does not serve: " + s.log.String())
	}
}

// Kill ends the process as kill -9 does and waits until it is gone.
func (s *Server) Kill() {
	// It fails only if the process has ended, which is what is wanted.
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// Terminate sends SIGTERM and does not wait.
func (s *Server) Terminate() error { return s.cmd.Process.Signal(syscall.SIGTERM) }

// Wait waits for the process to end and returns its exit status; -1 if a signal ended it or it went on for too long.
func (s *Server) Wait() int {
	select {
	case <-s.exited:
	case <-time.After(startTimeout):
		s.Kill()
	}
	return s.cmd.ProcessState.ExitCode()
}

// Exited is closed when the process has ended.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Log is all that the process has written to its standard error.
func (s *Server) Log() string { return s.log.String() }

// log keeps what was written and tells the address in it.
type log struct {
	mu     sync.Mutex
	text   bytes.Buffer
	told   bool
	serves chan string
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if m := serving.FindSubmatch(l.text.Bytes()); m != nil && !l.told && bytes.HasSuffix(p, []byte("\n")) {
		l.told = true
		l.serves <- string(m[1])
	}
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
