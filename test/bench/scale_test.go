package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// scaleEnv is how many pools, and clients of one pool, the measurement makes; it takes minutes and is not for CI.
const scaleEnv = "BULKHEAD_BENCH_SCALE"

// scale measures a server with many pools and clients.
type scale struct {
	*testing.T
	w   *bed
	idp *cip.Client
	dir string
}

// signInPlace is where one user signs in.
type signInPlace struct{ pool, app string }

const scalePassword = "Correct-Horse-9-Battery"

// TestScale makes pools and clients for very many tenants, and compares sign-ins to one pool alone with sign-ins to any of
// them, in turns. Set BULKHEAD_BENCH_SCALE=100000 and BENCH_DIR to a directory on disk.
func TestScale(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(scaleEnv))
	if err != nil {
		t.Skip("set " + scaleEnv + " to a number of tenants")
	}
	w := &bed{}
	t.Cleanup(w.close)
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	s := &scale{t, w, cip.NewFromConfig(w.config(aws.Credentials{AccessKeyID: rootID, SecretAccessKey: rootKey})), w.data}
	one := s.place("one")
	alone := s.signIns([]signInPlace{one}, 200)
	s.report("before", 0, 0)
	pools := make([]string, n)
	took := s.each(n, func(i int) error {
		out, err := s.idp.CreateUserPool(s.Context(), &cip.CreateUserPoolInput{PoolName: aws.String(fmt.Sprintf("tenant-%06d", i))})
		if err == nil {
			pools[i] = *out.UserPool.Id
		}
		return err
	})
	s.report("pools", n, took)
	took = s.each(n, func(i int) error {
		_, err := s.idp.CreateUserPoolClient(s.Context(), &cip.CreateUserPoolClientInput{
			UserPoolId: &one.pool, ClientName: aws.String(fmt.Sprintf("tenant-%06d", i)),
		})
		return err
	})
	s.report("clients of one pool", n, took)
	many := s.populate(pools)
	s.Logf("before the other pools: %.2f ms a sign-in to one pool", 1e3*alone.Seconds())
	var ratios []float64
	for range 9 {
		a, b := s.signIns([]signInPlace{one}, 100), s.signIns(many, 100)
		ratios = append(ratios, a.Seconds()/b.Seconds())
		s.Logf("sign-in: one pool %.2f ms, any pool %.2f ms", 1e3*a.Seconds(), 1e3*b.Seconds())
	}
	slices.Sort(ratios)
	s.Logf("any pool beside one pool: %.2f (%.2f to %.2f)", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	s.list(n)
}

// sampled is how many of the pools get a user: as many different ones are signed in to.
const sampled = 200

func (s *scale) populate(pools []string) []signInPlace {
	var out []signInPlace
	began := time.Now()
	for range min(sampled, len(pools)) {
		out = append(out, s.fill(pools[rand.IntN(len(pools))]))
	}
	s.Logf("%d pools filled in %s", len(out), time.Since(began).Round(time.Millisecond))
	began = time.Now()
	for i := range out {
		s.signIn(out[i])
	}
	s.Logf("first sign-ins, with the making of keys: %s each", (time.Since(began) / time.Duration(len(out))).Round(time.Millisecond))
	return out
}

func (s *scale) place(name string) signInPlace {
	s.Helper()
	out, err := s.idp.CreateUserPool(s.Context(), &cip.CreateUserPoolInput{PoolName: &name})
	s.check(err)
	return s.fill(*out.UserPool.Id)
}

// fill gives a pool an app client and a user.
func (s *scale) fill(pool string) signInPlace {
	s.Helper()
	app, err := s.idp.CreateUserPoolClient(s.Context(), &cip.CreateUserPoolClientInput{
		UserPoolId: &pool, ClientName: aws.String("a"), ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserPasswordAuth},
	})
	s.check(err)
	_, err = s.idp.AdminCreateUser(s.Context(), &cip.AdminCreateUserInput{
		UserPoolId: &pool, Username: aws.String("ana"), MessageAction: types.MessageActionTypeSuppress,
	})
	var exists *types.UsernameExistsException
	if !errors.As(err, &exists) {
		s.check(err)
	}
	_, err = s.idp.AdminSetUserPassword(s.Context(), &cip.AdminSetUserPasswordInput{
		UserPoolId: &pool, Username: aws.String("ana"), Password: aws.String(scalePassword), Permanent: true,
	})
	s.check(err)
	return signInPlace{pool, *app.UserPoolClient.ClientId}
}

func (s *scale) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scale) signIn(p signInPlace) {
	s.Helper()
	_, err := s.idp.InitiateAuth(s.Context(), &cip.InitiateAuthInput{
		ClientId: &p.app, AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": "ana", "PASSWORD": scalePassword},
	})
	s.check(err)
}

// signIns returns the time of one of n sign-ins, each to one of the places.
func (s *scale) signIns(at []signInPlace, n int) time.Duration {
	began := time.Now()
	for range n {
		s.signIn(at[rand.IntN(len(at))])
	}
	return time.Since(began) / time.Duration(n)
}

// each runs f for 0 to n-1, many at once.
func (s *scale) each(n int, f func(int) error) time.Duration {
	s.Helper()
	began := time.Now()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		s.Fatal(*err)
	}
	return time.Since(began)
}

// list goes through all pools, page by page.
func (s *scale) list(n int) {
	began, seen := time.Now(), 0
	for p := cip.NewListUserPoolsPaginator(s.idp, &cip.ListUserPoolsInput{MaxResults: aws.Int32(60)}); p.HasMorePages() && seen < n; {
		out, err := p.NextPage(s.Context())
		s.check(err)
		seen += len(out.UserPools)
		if len(out.UserPools) == 0 {
			s.Fatal("an empty page")
		}
	}
	s.Logf("ListUserPools: %d pools, %s a page of 60", seen, (time.Since(began) / time.Duration(max(1, seen/60))).Round(time.Microsecond))
}

// report logs what there is in memory and on disk.
func (s *scale) report(what string, n int, took time.Duration) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var disk int64
	err := filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // files come and go while the store works
		}
		if info, err := d.Info(); err == nil {
			disk += info.Size()
		}
		return nil
	})
	s.check(err)
	rate := 0.0
	if took > 0 {
		rate = float64(n) / took.Seconds()
	}
	s.Logf("%s: %d in %s (%.0f a second); heap %d MB, disk %d MB", what, n, took.Round(time.Second), rate, m.HeapAlloc>>20, disk>>20)
}
