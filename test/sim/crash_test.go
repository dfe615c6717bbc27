package sim

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/bulkhead/bulkhead/internal/client"
	"github.com/bulkhead/bulkhead/test/sim/proc"
)

// writers are the kinds of writes that run when the server is killed, and how many clients make each.
var writers = []struct {
	kind    string
	clients int
	write   func(ctx context.Context, cfg aws.Config, name string) error
}{
	{"put", 2, func(ctx context.Context, cfg aws.Config, name string) error {
		_, err := dynamodb.NewFromConfig(cfg).PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String("items"), Item: map[string]types.AttributeValue{"pk": str(name)},
		})
		return err
	}},
	{"pair", 2, func(ctx context.Context, cfg aws.Config, name string) error {
		in := &dynamodb.TransactWriteItemsInput{}
		for _, half := range []string{"/a", "/b"} {
			in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: &types.Put{
				TableName: aws.String("items"), Item: map[string]types.AttributeValue{"pk": str(name + half)},
			}})
		}
		_, err := dynamodb.NewFromConfig(cfg).TransactWriteItems(ctx, in)
		return err
	}},
	{"user", 3, func(ctx context.Context, cfg aws.Config, name string) error {
		_, err := iam.NewFromConfig(cfg).CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
		return err
	}},
	{"tenant", 1, func(ctx context.Context, cfg aws.Config, name string) error {
		var out struct{}
		return client.Do(ctx, cfg, http.MethodPost, "/-/api/v1/tenants", map[string]any{"Id": name}, &out)
	}},
}

// perKind is how many writes of each kind are acknowledged before the server is killed.
const perKind = 6

// tally is what was tried and acknowledged, by kind.
type tally struct {
	mu           sync.Mutex
	tried, acked map[string][]string
}

func (a *tally) try(kind, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tried[kind] = append(a.tried[kind], name)
}

// ack reports whether there are now enough of every kind.
func (a *tally) ack(kind, name string, want int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acked[kind] = append(a.acked[kind], name)
	for _, w := range writers {
		if len(a.acked[w.kind]) < want {
			return false
		}
	}
	return true
}

// hammer writes until the server, which is killed once enough is acknowledged, answers no more.
func hammer(t *testing.T, p *proc.Server, a *tally, round int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := as(t, p.Endpoint, rootUser)
	var wg sync.WaitGroup
	var once sync.Once
	for _, w := range writers {
		for c := range w.clients {
			wg.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("%s-%d-%d-%d", w.kind, round, c, i)
					a.try(w.kind, name)
					if w.write(ctx, cfg, name) != nil {
						return
					}
					if a.ack(w.kind, name, perKind*(round+1)) {
						once.Do(p.Kill)
					}
				}
			})
		}
	}
	wg.Wait()
	select {
	case <-p.Exited():
	default:
		t.Fatalf("writes fail, and the server was not killed: %s", p.Log())
	}
}

// state is what the server has after a restart.
type state struct {
	items, users, tenants map[string]bool
	created               []string // events of CreateUser
}

func readState(t *testing.T, cfg aws.Config) *state {
	t.Helper()
	cfg.Retryer = func() aws.Retryer { return retry.NewStandard() } // reading twice does no harm
	s := &state{items: map[string]bool{}, users: map[string]bool{}, tenants: map[string]bool{}}
	rows := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(cfg), &dynamodb.ScanInput{TableName: aws.String("items")})
	for rows.HasMorePages() {
		for _, item := range must[*dynamodb.ScanOutput](t)(rows.NextPage(t.Context())).Items {
			s.items[item["pk"].(*types.AttributeValueMemberS).Value] = true
		}
	}
	users := iam.NewListUsersPaginator(iam.NewFromConfig(cfg), &iam.ListUsersInput{})
	for users.HasMorePages() {
		for _, u := range must[*iam.ListUsersOutput](t)(users.NextPage(t.Context())).Users {
			s.users[*u.UserName] = true
		}
	}
	var out struct{ Tenants []struct{ Id, Status string } } //nolint:revive // the API's names
	if err := client.Do(t.Context(), cfg, http.MethodGet, "/-/api/v1/tenants?maxResults=1000", nil, &out); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range out.Tenants {
		s.tenants[tenant.Id] = tenant.Status == "ACTIVE"
	}
	events := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(cfg), &cloudtrail.LookupEventsInput{
		LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: aws.String("CreateUser")}},
	})
	for events.HasMorePages() {
		for _, e := range must[*cloudtrail.LookupEventsOutput](t)(events.NextPage(t.Context())).Events {
			s.created = append(s.created, *e.CloudTrailEvent)
		}
	}
	return s
}

// check holds the state against what clients were told.
func (a *tally) check(t *testing.T, s *state) (unknown int) {
	t.Helper()
	has := map[string]func(name string) bool{
		"put":    func(name string) bool { return s.items[name] },
		"pair":   func(name string) bool { return s.items[name+"/a"] && s.items[name+"/b"] },
		"user":   func(name string) bool { return s.users[name] },
		"tenant": func(name string) bool { return s.tenants[name] },
	}
	for kind, names := range a.acked {
		for _, name := range names {
			if !has[kind](name) {
				t.Errorf("%s was acknowledged and is gone", name)
			}
		}
	}
	for _, name := range a.tried["pair"] {
		if s.items[name+"/a"] != s.items[name+"/b"] {
			t.Errorf("half of the transaction %s is there", name)
		}
	}
	for _, name := range a.tried["user"] {
		n := 0
		for _, e := range s.created {
			if strings.Contains(e, "user/"+name+`"`) {
				n++
				if strings.Contains(e, `"errorCode":"OutcomeUnknown"`) {
					unknown++
				}
			}
		}
		if n > 1 || n == 0 && s.users[name] {
			t.Errorf("user %s (there: %v) has %d events", name, s.users[name], n)
		}
	}
	return unknown
}

// A server that is killed among writes has lost none that it acknowledged and halved none, and its audit log says what it
// cannot know.
func TestKill(t *testing.T) {
	t.Parallel()
	const mostRounds = 40 // mostly one is enough: the kill has to fall between some write's intent and its outcome
	s := settings{Data: t.TempDir(), Store: "pebble"}
	p := process(t, s)
	makeTable(t, dynamodb.NewFromConfig(as(t, p.Endpoint, rootUser)), "items")
	a := &tally{tried: map[string][]string{}, acked: map[string][]string{}}
	unknown := 0
	for round := 0; round < mostRounds && (round < 2 || unknown == 0); round++ {
		hammer(t, p, a, round)
		p = process(t, s)
		cfg := as(t, p.Endpoint, rootUser)
		unknown = a.check(t, readState(t, cfg))
		if v := verify(t, cfg); v.Gaps != round+1 {
			t.Errorf("%d gaps are marked after %d crashes", v.Gaps, round+1)
		}
	}
	if unknown == 0 {
		t.Errorf("no write was interrupted between its intent and its outcome in %d crashes", mostRounds)
	}
}
