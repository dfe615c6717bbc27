package bench

import (
	"fmt"
	"os"
	"testing"
)

// childEnv makes the test binary the client that drives load, so that its garbage collector and its scheduler are not
// the server's.
const childEnv = "BULKHEAD_BENCH_CLIENT"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := serveLoad(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench client:", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if world != nil {
		world.close()
	}
	printTable(os.Stdout)
	os.Exit(code)
}
