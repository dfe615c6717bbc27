package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"golang.org/x/sync/errgroup"

	"github.com/bulkhead/bulkhead/internal/client"
)

const (
	// callers is how many requests set tenants up at once.
	callers = 16
	// sessionLife is how long a tenant's session is used: shorter than it lasts, which is an hour.
	sessionLife = 45 * time.Minute
	// keyWindow is how many days keys of removed tenants are kept, KMS's least.
	keyWindow = 7
)

const (
	benchTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"USER"},
 "Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringLike":{"aws:RequestTag/TenantID":"*"}}}]}`
	// benchPolicy is attribute-based: rows by leading key, as pools of tenants are secured in practice.
	benchPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem",
 "dynamodb:UpdateItem","dynamodb:DeleteItem","dynamodb:Query","dynamodb:BatchGetItem","dynamodb:BatchWriteItem"],
 "Resource":"TABLE","Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/TenantID}","${aws:PrincipalTag/TenantID}#*"]}}}]}`
	benchCaller = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"ROLE"}]}`
)

// secured is Bulkhead's realistic case: a table with an owner rule whose rows are sealed under tenants' keys, and requests by a
// session of each tenant whose role is policed by tags.
type secured struct {
	cfg  aws.Config
	name string
	rows *layout
	iam  *iam.Client
	sts  *sts.Client
	role string
	// user and key are set once they are made; onboarded counts the tenants, from the first.
	user, key string
	onboarded atomic.Int64
	mu        sync.Mutex
	sessions  map[int]session
}

type session struct {
	aws.Credentials
	until time.Time
}

// secure makes ready for a table of the realistic case.
func (p *peer) secure(ctx context.Context, progress func(done, total int)) error {
	s := &secured{cfg: p.Config.Copy(), name: p.table, rows: &p.rows, iam: iam.NewFromConfig(p.Config), sessions: map[int]session{}}
	s.cfg.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers, MaxConnsPerHost: callers}}
	p.access, p.secured = s, true
	p.tags = []ddb.Tag{
		{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant}#*")},
		{Key: aws.String("bulkhead:seal-key"), Value: aws.String(s.alias())},
	}
	if err := s.makeRole(ctx); err != nil {
		return err
	}
	return s.onboard(ctx, progress)
}

func (s *secured) alias() string { return "alias/" + s.name + "-${tenant}" }

func (s *secured) makeRole(ctx context.Context) error {
	name := &s.name
	s.user = s.name
	u, err := s.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: name})
	if err != nil {
		return fmt.Errorf("make user %s: %w", s.name, err)
	}
	userARN := aws.ToString(u.User.Arn)
	account := strings.Split(userARN, ":")[4]
	s.role = "arn:aws:iam::" + account + ":role/" + s.name
	table := "arn:aws:dynamodb:" + s.cfg.Region + ":" + account + ":table/" + s.name
	_, err = s.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(strings.Replace(benchTrust, "USER", userARN, 1))})
	if err != nil {
		return fmt.Errorf("make role %s: %w", s.name, err)
	}
	_, err = s.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: name, PolicyDocument: aws.String(strings.Replace(benchPolicy, "TABLE", table, 1))})
	if err != nil {
		return err
	}
	_, err = s.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: aws.String(strings.Replace(benchCaller, "ROLE", s.role, 1))})
	if err != nil {
		return err
	}
	k, err := s.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		return err
	}
	s.key = aws.ToString(k.AccessKey.AccessKeyId)
	cfg := s.cfg.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(s.key, aws.ToString(k.AccessKey.SecretAccessKey), "")
	s.sts = sts.NewFromConfig(cfg)
	return nil
}

// each calls fn for the numbers below n, several at once.
func each(ctx context.Context, n int, progress func(done, total int), fn func(ctx context.Context, i int) error) error {
	var next, done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range callers {
		g.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= n {
					return nil
				}
				if err := fn(ctx, i); err != nil {
					return err
				}
				progress(int(done.Add(1)), n)
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// onboard makes the tenants, each with its key.
func (s *secured) onboard(ctx context.Context, progress func(done, total int)) error {
	return each(ctx, s.rows.tenants, progress, func(ctx context.Context, i int) error {
		for n := s.onboarded.Load(); int(n) <= i && !s.onboarded.CompareAndSwap(n, int64(i)+1); n = s.onboarded.Load() {
			continue // another one was faster
		}
		id := string(s.rows.tenant(i))
		var out struct{}
		err := client.Do(ctx, s.cfg, http.MethodPost, "/-/api/v1/tenants", map[string]string{"Id": id, "KeyAliasTemplate": s.alias()}, &out)
		if err != nil {
			return fmt.Errorf("onboard tenant %s: %w", id, err)
		}
		return nil
	})
}

// credentials implements access with a session of the tenant.
func (s *secured) credentials(ctx context.Context, who int) (aws.Credentials, error) {
	s.mu.Lock()
	have, ok := s.sessions[who]
	s.mu.Unlock()
	if ok && time.Now().Before(have.until) {
		return have.Credentials, nil
	}
	out, err := s.sts.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &s.role, RoleSessionName: aws.String("bench"),
		Tags: []types.Tag{{Key: aws.String("TenantID"), Value: aws.String(string(s.rows.tenant(who)))}},
	})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("make a session of a tenant: %w", err)
	}
	have = session{aws.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken,
	}, time.Now().Add(sessionLife)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[who] = have
	return have.Credentials, nil
}

// clean implements access: it removes the tenants, which ends their keys, and the role and the user.
func (s *secured) clean(ctx context.Context, progress func(done, total int)) error {
	err := each(ctx, int(s.onboarded.Load()), progress, func(ctx context.Context, i int) error {
		var out struct{}
		err := client.Do(ctx, s.cfg, http.MethodDelete, fmt.Sprintf("/-/api/v1/tenants/%s?pendingWindowInDays=%d", s.rows.tenant(i), keyWindow), nil, &out)
		var failed *client.Error
		if errors.As(err, &failed) && failed.Status == http.StatusNotFound {
			return nil
		}
		return err
	})
	return errors.Join(err, s.cleanRole(ctx))
}

func (s *secured) cleanRole(ctx context.Context) error {
	if s.user == "" {
		return nil
	}
	var errs []error
	note := func(err error) {
		var api interface{ ErrorCode() string }
		if !errors.As(err, &api) || api.ErrorCode() != "NoSuchEntity" {
			errs = append(errs, err)
		}
	}
	name := &s.name
	_, err := s.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: name})
	note(err)
	_, err = s.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
	note(err)
	if s.key != "" {
		_, err = s.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: &s.key})
		note(err)
	}
	_, err = s.iam.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: name, PolicyName: name})
	note(err)
	_, err = s.iam.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
	note(err)
	return errors.Join(errs...)
}
