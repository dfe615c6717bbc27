package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bulkhead/bulkhead/internal/bench"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure servers beside each other", Args: cobra.NoArgs, RunE: showHelp,
		Example: "  bulkhead bench tables --endpoint http://127.0.0.1:4600",
	}
	cmd.AddCommand(newBenchTables(), newBenchFloor())
	return cmd
}

// benchFlags are the command line of bench tables.
type benchFlags struct {
	o                    bench.Options
	endpoints, pids      []string
	region, data, report string
	json                 bool
	floor                string
}

func newBenchTables() *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:   "tables",
		Short: "Measure table requests on one or several DynamoDB-compatible endpoints",
		Long: "Load items of many tenants and measure GetItem, PutItem, Query of 20, BatchWriteItem of 25 and TransactWriteItems of 4\n" +
			"on each endpoint, in turns: throughput, latencies, memory, and ratios to the first endpoint. On Bulkhead the table has an\n" +
			"owner rule and rows sealed under each tenant's key, and each request is one of a tenant's own policed session, unless\n" +
			"--secure=false. With --floor the same requests also go to a bench floor, which gives the first endpoint's answers and does\n" +
			"nothing else: it shows what HTTP alone costs. What was made is removed at the end and on Ctrl-C, unless --keep.\n\n" +
			"Credentials are found as the AWS CLI does, else in --data for Bulkhead; other endpoints on this machine then get\n" +
			"made-up ones. The exit status is 1 if a server failed or the run was interrupted, 2 for a mistake in the command.",
		Example: "  bulkhead bench tables --endpoint http://127.0.0.1:4600 --data ./data\n" +
			"  bulkhead bench tables --endpoint bulkhead=http://127.0.0.1:4600 --endpoint local=http://127.0.0.1:8000 --pid local=4242 --html report.html\n" +
			"  bulkhead bench tables --items 20000 --tenants 200 --operations GetItem,PutItem --clients 32 --rounds 9 --json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.flags(cmd)
	return cmd
}

func (f *benchFlags) flags(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringArrayVar(&f.endpoints, "endpoint", []string{env("AWS_ENDPOINT_URL", "http://127.0.0.1:4600")}, "URL or NAME=URL of a server, repeatable (AWS_ENDPOINT_URL)")
	s.StringVar(&f.region, "region", env("AWS_REGION", env("AWS_DEFAULT_REGION", "us-east-1")), "region (AWS_REGION)")
	s.StringVar(&f.data, "data", env("BULKHEAD_DATA", "data"), "Bulkhead's data directory, whose root credentials are used if the environment has none")
	s.StringArrayVar(&f.pids, "pid", nil, "NAME=PID of an endpoint's process on this machine, whose memory and CPU time are shown, repeatable")
	s.IntVar(&f.o.Items, "items", 100_000, "how many items there are")
	s.IntVar(&f.o.Tenants, "tenants", 1000, "to how many tenants they belong")
	s.IntSliceVar(&f.o.Clients, "clients", []int{1, 32, 256}, "numbers of clients, each with one request under way")
	s.StringSliceVar(&f.o.Operations, "operations", bench.Operations(), "what is measured")
	s.IntVar(&f.o.Rounds, "rounds", 5, "how many turns each endpoint has of each measurement")
	s.DurationVar(&f.o.Turn, "turn", time.Second, "how long a turn is")
	s.BoolVar(&f.o.Secure, "secure", true, "on Bulkhead: owner rule, sealed rows, and a policed session for each tenant")
	s.BoolVar(&f.o.Keep, "keep", false, "leave tables, tenants and keys where they are")
	s.BoolVar(&f.o.AllowRemote, "allow-remote", false, "measure servers that are not on this machine; ask those who run them first")
	s.StringVar(&f.floor, "floor", "", "URL of a bench floor to measure beside the endpoints; its process is --pid floor=PID")
	s.StringVar(&f.report, "html", "", "write a report with plots to this file")
	s.BoolVar(&f.json, "json", false, "print JSON")
}

func (f *benchFlags) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	for _, step := range []func() error{f.settle, f.o.Validate, func() error { return f.credentials(ctx) }} {
		if err := step(); err != nil {
			return usageError{err}
		}
	}
	report, err := f.openReport()
	if err != nil {
		return usageError{err}
	}
	f.o.Display = display(os.Stderr)
	// the second Ctrl-C ends the removal of what was made, too
	stop := context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })
	defer stop()
	debug.SetGCPercent(400) // the client's collector takes from the servers' share of the machine
	r, err := bench.Run(ctx, f.o)
	if ctx.Err() != nil {
		err = errors.Join(errors.New("interrupted; results are those until then"), withoutCancel(err))
	}
	if r == nil {
		return errors.Join(err, report.discard())
	}
	return errors.Join(err, report.write(r), f.show(cmd.OutOrStdout(), r))
}

// withoutCancel drops an error that only says that the run was interrupted.
func withoutCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (f *benchFlags) show(w io.Writer, r *bench.Result) error {
	if !f.json {
		return r.Table(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// display is one that draws where there is a terminal that can.
func display(f *os.File) bench.Display {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) || os.Getenv("TERM") == "dumb" {
		return bench.Lines(f)
	}
	return bench.Live(f, func() (int, int) {
		w, h, err := term.GetSize(fd)
		if err != nil {
			return 80, 24
		}
		return w, h
	})
}

// settle turns the command line into endpoints.
func (f *benchFlags) settle() error {
	for _, given := range f.endpoints {
		name, at, named := strings.Cut(given, "=")
		if !named || strings.Contains(name, "/") {
			name, at = "", given
		}
		u, err := url.Parse(at)
		if err != nil || u.Host == "" {
			return fmt.Errorf("--endpoint %q is not URL or NAME=URL", given)
		}
		if name == "" {
			name = u.Host
		}
		f.o.Endpoints = append(f.o.Endpoints, bench.Endpoint{Name: name, URL: at})
	}
	if f.floor != "" {
		f.o.Endpoints = append(f.o.Endpoints, bench.Endpoint{Name: bench.FloorName, URL: f.floor, Floor: true})
	}
	for _, given := range f.pids {
		name, text, _ := strings.Cut(given, "=")
		pid, err := strconv.Atoi(text)
		if err != nil || pid < 1 || !f.setPID(name, pid) {
			return fmt.Errorf("--pid %q is not NAME=PID with the name of an endpoint", given)
		}
	}
	return nil
}

func (f *benchFlags) setPID(name string, pid int) bool {
	for i := range f.o.Endpoints {
		if e := &f.o.Endpoints[i]; e.Name == name {
			e.PID = pid
			return true
		}
	}
	return false
}

// madeUp are credentials for servers that take any: they need some, in the form of real ones.
var madeUp = credentials.NewStaticCredentialsProvider("AKIABENCHBENCHBENCH1", "not-a-secret-for-servers-that-take-any-0", "")

// credentials finds those for each endpoint.
func (f *benchFlags) credentials(ctx context.Context) error {
	cfg, err := loadConfig(ctx, f.region, f.data, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return err
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if f.o.AllowRemote {
			return fmt.Errorf("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: %w", err)
		}
		cfg.Credentials = madeUp
	}
	for i := range f.o.Endpoints {
		f.o.Endpoints[i].Config = cfg
	}
	return nil
}

// reportFile is where the HTML report goes; nil is nowhere. It is opened before all measuring, not after. The report takes its
// name when it is whole.
type reportFile struct {
	*os.File
	path string
}

func (f *benchFlags) openReport() (*reportFile, error) {
	if f.report == "" {
		return nil, nil
	}
	file, err := os.CreateTemp(filepath.Dir(f.report), ".bench-*.html")
	if err != nil {
		return nil, fmt.Errorf("--html: %w", err)
	}
	return &reportFile{file, f.report}, nil
}

func (r *reportFile) discard() error {
	if r == nil {
		return nil
	}
	return errors.Join(r.Close(), os.Remove(r.Name()))
}

func (r *reportFile) write(result *bench.Result) error {
	if r == nil {
		return nil
	}
	if err := errors.Join(result.HTML(r), r.Chmod(0o644)); err != nil {
		return errors.Join(err, r.discard())
	}
	return errors.Join(r.Close(), os.Rename(r.Name(), r.path))
}
