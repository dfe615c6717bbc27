package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// usage is what a server's process has used so far.
type usage struct {
	known bool
	// memory is what is resident now, in bytes.
	memory int64
	cpu    time.Duration
}

// usage asks the system about the process, if it is known, else a Bulkhead for its metrics, which it shows to this machine only.
func (p *peer) usage(ctx context.Context) usage {
	if p.PID > 0 {
		return processUsage(p.PID)
	}
	if !p.bulkhead {
		return usage{}
	}
	return p.metricsUsage(ctx)
}

// maxMetrics bounds the metrics page, in bytes.
const maxMetrics = 8 << 20

func (p *peer) metricsUsage(ctx context.Context) (u usage) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.URL, "/")+"/-/metrics", nil)
	if err != nil {
		return usage{}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return usage{}
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(io.LimitReader(resp.Body, maxMetrics)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "process_resident_memory_bytes":
			u.memory, u.known = int64(n), true
		case name == "process_cpu_seconds_total":
			u.cpu = time.Duration(n * float64(time.Second))
		}
	}
	return u
}

// clockTick is the unit of CPU times in /proc: 1/100 s on every Linux (proc_pid_stat(5), sysconf(3)).
const clockTick = 10 * time.Millisecond

// processUsage reads Linux's /proc; elsewhere nothing is known.
func processUsage(pid int) (u usage) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}
	}
	// the second field is a name in parentheses, which may hold anything; the 14th and 15th are times, the 24th is pages
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return usage{}
	}
	number := func(field int) int64 {
		n, err := strconv.ParseInt(string(fields[field-3]), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	return usage{true, number(24) * int64(os.Getpagesize()), time.Duration(number(14)+number(15)) * clockTick}
}

// Machine is where a run took place.
type Machine struct {
	System string `json:"system"`
	CPUs   int    `json:"cpus"`
	Model  string `json:"model,omitempty"`
	// Load is the load average of the last minute when the run began and when it ended; empty where the system does not tell.
	Load []float64 `json:"load,omitempty"`
}

func thisMachine() Machine {
	m := Machine{System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
	m.Load = loadAverage()
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		there := 0 // NumCPU counts those that the client may use
		for line := range strings.Lines(string(info)) {
			name, value, _ := strings.Cut(line, ":")
			switch strings.TrimSpace(name) {
			case "model name":
				m.Model = strings.TrimSpace(value)
			case "processor":
				there++
			}
		}
		m.CPUs = max(m.CPUs, there)
	}
	return m
}

func loadAverage() []float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return nil
	}
	return []float64{n}
}
