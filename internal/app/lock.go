package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockData keeps every other process off the data directory until the server closes. The lock goes with the process,
// however it ends.
func (a *App) lockData() error {
	name := filepath.Join(a.config.Data, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("another process uses the data directory %s; stop it, or choose another with --data", a.config.Data)
		}
		return errors.Join(err, f.Close())
	}
	a.onClose(func(context.Context) error { return f.Close() })
	return nil
}

// InUse reports whether a process holds the lock of a data directory.
func InUse(data string) bool {
	f, err := os.OpenFile(filepath.Join(data, "lock"), os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only its lock was tried
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
