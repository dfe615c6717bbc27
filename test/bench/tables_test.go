package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/bulkhead/bulkhead/internal/app/apptest"
	tables "github.com/bulkhead/bulkhead/internal/bench"
	bulkheadapi "github.com/bulkhead/bulkhead/internal/client"
)

func tableOptions(s *apptest.Server) tables.Options {
	return tables.Options{
		Endpoints: []tables.Endpoint{{Name: "one", URL: aws.ToString(s.Root.BaseEndpoint), Config: s.Root}},
		Items:     300, Tenants: 3, Clients: []int{1, 4}, Operations: tables.Operations(), Rounds: 2, Turn: 20 * time.Millisecond, Secure: true,
	}
}

// TestTables measures a server beside itself, secured and plain, and looks for what is left.
func TestTables(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		t.Run(fmt.Sprint("secure ", secure), func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, nil)
			o := tableOptions(s)
			o.Secure = secure
			r, err := tables.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			checkResult(t, r, secure)
			checkClean(t, s)
		})
	}
}

// TestFloor measures the floor beside a server: it gives that one's answers, and is told in every form of the result.
func TestFloor(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- tables.ServeFloor(ctx, l) }()
	o := tableOptions(s)
	o.Clients = []int{2}
	for i := range o.Endpoints {
		o.Endpoints[i].PID = os.Getpid() // whose CPU time it is does not matter here
	}
	o.Turn = 60 * time.Millisecond
	o.Endpoints = append(o.Endpoints, tables.Endpoint{Name: tables.FloorName, URL: "http://" + l.Addr().String(), PID: os.Getpid(), Floor: true})
	r, err := tables.Run(t.Context(), o)
	stop()
	if err = errors.Join(err, <-served); err != nil {
		t.Fatal(err)
	}
	if !r.Peers[1].Floor || r.Peers[1].Table != "" || r.Peers[1].LoadedPerSecond != 0 || !r.Floor() {
		t.Errorf("the floor is %+v", r.Peers[1])
	}
	for _, c := range r.Cells {
		server, floor := c.Peers[0], c.Peers[1]
		if floor.Requests == 0 || floor.Failed != 0 || floor.OfFloor.Median != 1 || server.OfFloor.Median <= 0 || floor.Ratio.Median <= 0 {
			t.Errorf("%s: %+v beside %+v", c.Operation, server, floor)
		}
	}
	var text, page bytes.Buffer
	if err := errors.Join(r.Table(&text), r.HTML(&page)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "FLOOR ÷ THIS") || !strings.Contains(page.String(), "Floor ÷ this") || !strings.Contains(page.String(), "net/http alone") {
		t.Errorf("%s\n%s", text.String(), page.String())
	}
	checkClean(t, s)
}

// Until it is taught, the floor fails every request: nothing is measured that means nothing.
func TestUntaughtFloor(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- tables.ServeFloor(ctx, l) }()
	resp, err := http.Post("http://"+l.Addr().String(), "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("it answers %d, %v", resp.StatusCode, err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func checkResult(t *testing.T, r *tables.Result, secure bool) {
	t.Helper()
	if len(r.Cells) != 2*len(tables.Operations()) || r.Items != 300 || !r.Peers[0].Bulkhead || r.Peers[0].Secured != secure || r.Peers[0].LoadedPerSecond <= 0 {
		t.Errorf("the result is %+v", r)
	}
	for _, c := range r.Cells {
		m := c.Peers[0]
		if len(m.PerSecond.Rounds) != 2 || m.PerSecond.Median <= 0 || m.P50 <= 0 || m.P99 < m.P50 || m.Failed != 0 || m.Ratio.Median != 1 {
			t.Errorf("%s with %d clients: %+v", c.Operation, c.Clients, m)
		}
	}
	var text, page bytes.Buffer
	if err := errors.Join(r.Table(&text), r.HTML(&page)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "TransactWrite4  4        one") || strings.Count(page.String(), "<svg") != 2*len(tables.Operations()) {
		t.Errorf("%s\n%s", text.String(), page.String())
	}
}

func checkClean(t *testing.T, s *apptest.Server) {
	t.Helper()
	names, err := dynamodb.NewFromConfig(s.Root).ListTables(t.Context(), nil)
	if err != nil || len(names.TableNames) > 0 {
		t.Errorf("tables %v are left, %v", names.TableNames, err)
	}
	var left struct{ Tenants []struct{ ID string } }
	if err := bulkheadapi.Do(t.Context(), s.Root, http.MethodGet, "/-/api/v1/tenants", nil, &left); err != nil || len(left.Tenants) > 0 {
		t.Errorf("tenants %v are left, %v", left, err)
	}
	users, err := iam.NewFromConfig(s.Root).ListUsers(t.Context(), nil)
	if err != nil || len(users.Users) > 0 {
		t.Errorf("users %v are left, %v", users.Users, err)
	}
	roles, err := iam.NewFromConfig(s.Root).ListRoles(t.Context(), nil)
	if err != nil || len(roles.Roles) > 0 {
		t.Errorf("roles %v are left, %v", roles.Roles, err)
	}
}

// interrupter cancels when a step begins.
type interrupter struct {
	at     string
	cancel context.CancelFunc
}

func (*interrupter) Progress(_, _ int)       {}
func (*interrupter) Update(_ *tables.Result) {}

func (i *interrupter) Step(text string) {
	if strings.Contains(text, i.at) {
		i.cancel()
	}
}

// What was made is removed whenever the run is stopped, and what was measured until then is shown.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"onboarding", "loading", "PutItem with 1 "} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			o := tableOptions(s)
			o.Display = &interrupter{at: at, cancel: cancel}
			r, err := tables.Run(ctx, o)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			if measured := r != nil && len(r.Cells[0].Peers[0].PerSecond.Rounds) == 2; measured != strings.Contains(at, "PutItem") {
				t.Errorf("the result is %+v", r)
			}
			checkClean(t, s)
		})
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	o := tableOptions(s)
	o.Keep, o.Operations, o.Clients = true, []string{"GetItem"}, []int{1}
	r, err := tables.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	all, err := dynamodb.NewFromConfig(s.Root).Scan(t.Context(), &dynamodb.ScanInput{TableName: &r.Peers[0].Table})
	if err != nil || all.Count != 300 {
		t.Errorf("%v, %v", all, err)
	}
}
