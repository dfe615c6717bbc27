package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/client"
	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
)

var errCrashed = errors.New("the process has crashed")

// mortal is a store as a process has it that dies after so many commits: nothing after that is written or read. What is
// below goes on, as a disk does.
type mortal struct {
	kv.DB
	mu     sync.Mutex
	dies   bool
	left   int
	killed bool
}

// dieAfter has the process die after n more commits.
func (m *mortal) dieAfter(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dies, m.left = true, n
}

func (m *mortal) dead(commits int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dies && m.left < commits {
		m.killed = true
	}
	if !m.killed {
		m.left -= commits
	}
	return m.killed
}

func (m *mortal) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if m.dead(1) {
		return errCrashed
	}
	return m.DB.Update(ctx, fn)
}

func (m *mortal) View(ctx context.Context, fn func(kv.Reader) error) error {
	if m.dead(0) {
		return errCrashed
	}
	return m.DB.View(ctx, fn)
}

// Close leaves the store to the next process.
func (m *mortal) Close() error { return nil }

// life is a server from its start to its end, on a store that outlives it.
type life struct {
	*mortal
	app    *App
	server *httptest.Server
	cfg    aws.Config
}

// start starts a server whose clock is so far ahead.
func start(t *testing.T, disk kv.DB, dir string, ahead time.Duration) *life {
	t.Helper()
	l := &life{mortal: &mortal{DB: disk}}
	c := DefaultConfig()
	c.Data, c.Store, c.Logger = dir, "memory", slog.New(slog.DiscardHandler)
	c.RootAccessKeyID, c.RootSecretAccessKey = "AKIAONBOARDTESTSROOT", "not-a-secret-but-long-enough-for-a-test!"
	c.now = func() time.Time { return time.Now().Add(ahead) }
	c.backend = func(unused kv.DB) kv.DB {
		if err := unused.Close(); err != nil {
			t.Error(err)
		}
		return l.mortal
	}
	var err error
	if l.app, err = Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	l.server = httptest.NewServer(l.app.Handler())
	l.cfg = aws.Config{
		Region: c.Region, BaseEndpoint: &l.server.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(c.RootAccessKeyID, c.RootSecretAccessKey, ""),
	}
	return l
}

// end stops the server. One that is to die has no time to leave things in order.
func (l *life) end(t *testing.T) {
	t.Helper()
	l.server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if l.dies {
		cancel()
	}
	if err := l.app.Close(ctx); err != nil && !l.dies {
		t.Error(err)
	}
}

func (l *life) onboard(t *testing.T, tenant, pool string) error {
	t.Helper()
	var out struct{}
	return client.Do(t.Context(), l.cfg, http.MethodPost, "/-/api/v1/tenants", map[string]any{"Id": tenant, "UserPoolId": pool}, &out)
}

// checkOnboarded fails the test unless the tenant has one of everything.
func (l *life) checkOnboarded(t *testing.T, tenant, pool string) {
	t.Helper()
	var got struct {
		Tenant struct{ Status, KeyArn string }
	}
	if err := client.Do(t.Context(), l.cfg, http.MethodGet, "/-/api/v1/tenants/"+tenant, nil, &got); err != nil {
		t.Fatal(err)
	}
	if got.Tenant.Status != "ACTIVE" {
		t.Errorf("%s is %s", tenant, got.Tenant.Status)
	}
	if keys := l.keysOf(t, tenant); !slices.Equal(keys, []string{got.Tenant.KeyArn}) {
		t.Errorf("%s has the keys %v, and the registry says %s", tenant, keys, got.Tenant.KeyArn)
	}
	k, err := kms.NewFromConfig(l.cfg).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/customer-" + tenant)})
	if err != nil {
		t.Fatal(err)
	}
	if *k.KeyMetadata.Arn != got.Tenant.KeyArn {
		t.Errorf("the alias of %s is of %s", tenant, *k.KeyMetadata.Arn)
	}
	if _, err := cip.NewFromConfig(l.cfg).GetGroup(t.Context(), &cip.GetGroupInput{UserPoolId: &pool, GroupName: &tenant}); err != nil {
		t.Error(err)
	}
}

// keysOf finds the keys that carry the tenant's tag.
func (l *life) keysOf(t *testing.T, tenant string) (found []string) {
	t.Helper()
	c := kms.NewFromConfig(l.cfg)
	pages := kms.NewListKeysPaginator(c, &kms.ListKeysInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page.Keys {
			tags, err := c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: k.KeyId})
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range tags.Tags {
				if *tag.TagKey == "TenantID" && *tag.TagValue == tenant {
					found = append(found, *k.KeyArn)
				}
			}
		}
	}
	return found
}

// Onboarding that a crash interrupts, after any of its commits, goes on after the restart and ends with one key, one alias
// and one group.
func TestOnboardingSurvivesCrashes(t *testing.T) {
	t.Parallel()
	const fewest, most = 6, 60
	disk, dir := memkv.New(), t.TempDir()
	first := start(t, disk, dir, 0)
	out, err := cip.NewFromConfig(first.cfg).CreateUserPool(t.Context(), &cip.CreateUserPoolInput{PoolName: aws.String("users")})
	if err != nil {
		t.Fatal(err)
	}
	pool := *out.UserPool.Id
	first.end(t)
	for commits := 0; ; commits++ {
		tenant := fmt.Sprintf("tenant-%d", commits)
		l := start(t, disk, dir, 0)
		l.dieAfter(commits)
		interrupted := l.onboard(t, tenant, pool)
		l.end(t)

		// The claim of a request that died ends with its lease.
		l = start(t, disk, dir, 2*time.Minute)
		err := l.onboard(t, tenant, pool)
		var there *client.Error
		if errors.As(err, &there) && there.Code == "TenantAlreadyExistsException" {
			err = nil // the crash came between the last step and the answer
		}
		if err != nil {
			t.Fatalf("after a crash that followed %d commits: %v", commits, err)
		}
		l.checkOnboarded(t, tenant, pool)
		report, err := l.app.audit.Verify(t.Context(), audit.VerifyOptions{})
		if err != nil || !report.OK() {
			t.Errorf("the audit log after a crash that followed %d commits: %v %v", commits, report.Problems, err)
		}
		l.end(t)
		if interrupted == nil {
			if commits < fewest {
				t.Errorf("onboarding took %d commits", commits)
			}
			return
		}
		if commits == most {
			t.Fatalf("onboarding is not done after %d commits: %v", commits, interrupted)
		}
	}
}
