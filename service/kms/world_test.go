package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

const (
	accountA = "111111111111"
	accountB = "022222222222"
	region   = "eu-central-1"
	allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
)

// errDenied is what a request gets that the engine denied.
var errDenied = errors.New("denied")

// world is a service with a clock and callers with policies.
type world struct {
	t       testing.TB
	db      *store.DB
	catalog *identity.Catalog
	svc     *Service
	now     time.Time
	region  string
	via     []string
	// policies of principals by ARN: identity policies, then session policies.
	identity, session map[string][]string
	last              authz.Outcome
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ring := keyringtest.New(t, 'k')
	db := storetest.New(t)
	w := &world{
		t: t, db: db, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), region: region,
		identity: map[string][]string{}, session: map[string][]string{},
	}
	catalog, err := identity.New(identity.Config{DB: db, Keyring: ring, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	w.catalog, w.svc = catalog, New(db, ring, catalog)
	return w
}

// Policies implements authz.Directory.
func (w *world) Policies(_ context.Context, p *authn.Principal) (*authz.PrincipalPolicies, error) {
	ps := &authz.PrincipalPolicies{HasSession: p.HasSessionPolicy}
	var err error
	if ps.Identity, err = set(w.identity[p.ARN]); err != nil {
		return nil, err
	}
	if p.HasSessionPolicy {
		ps.Session, err = set(w.session[p.ARN])
	}
	return ps, err
}

func set(texts []string) (*policy.Set, error) {
	var sources []policy.Source
	for i, text := range texts {
		p, err := policy.Parse([]byte(text), policy.Identity)
		if err != nil {
			return nil, err
		}
		sources = append(sources, policy.Source{Name: fmt.Sprint("policy ", i), Policy: p})
	}
	return policy.NewSet(sources), nil
}

// user is an IAM user of the account with identity policies.
func (w *world) user(account, name string, policies ...string) *authn.Principal {
	p := &authn.Principal{
		Kind: authn.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: "AIDA" + name, Name: name,
	}
	w.identity[p.ARN] = policies
	return p
}

// role makes an IAM role and returns a session of it with identity policies and tags.
func (w *world) role(account, name string, tags authn.Tags, policies ...string) *authn.Principal {
	w.t.Helper()
	r := &identity.Role{Entity: identity.Entity{
		Kind: identity.KindRole, Account: account, ID: identity.NewID(identity.RolePrefix), Name: name, Path: "/", Created: w.now,
	}, MaxSession: 3600}
	err := system.Update(w.t.Context(), w.db, "iam", func(tx *store.Tx) error {
		v, err := identity.In(tx, account)
		if err != nil {
			return err
		}
		return v.PutRole(r)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p := &authn.Principal{
		Kind: authn.AssumedRole, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/s",
		RoleARN: "arn:aws:iam::" + account + ":role/" + name, UserID: r.ID + ":s", Name: "s", Tags: tags,
		IssuedAt: w.now, ExpiresAt: w.now.Add(time.Hour),
	}
	w.identity[p.ARN] = policies
	return p
}

func (w *world) root() *authn.Principal { return authztest.Root(accountA) }

// do sends a request of a writing operation through requirement, engine and handler.
func do[I, O any](w *world, p *authn.Principal, require func(*requirements, *authz.Scope, *I) authz.Requirement,
	execute func(*Service, context.Context, *pipeline.Call, *I) (*O, error), in *I,
) (*O, error) {
	return send(w, p, authz.Write, require, execute, in)
}

// use sends a request of an operation that only reads.
func use[I, O any](w *world, p *authn.Principal, require func(*requirements, *authz.Scope, *I) authz.Requirement,
	execute func(*Service, context.Context, *pipeline.Call, *I) (*O, error), in *I,
) (*O, error) {
	return send(w, p, authz.Read, require, execute, in)
}

func send[I, O any](w *world, p *authn.Principal, access authz.Access, require func(*requirements, *authz.Scope, *I) authz.Requirement,
	execute func(*Service, context.Context, *pipeline.Call, *I) (*O, error), in *I,
) (*O, error) {
	c, err := authorize(w, p, access, require, in)
	if err != nil {
		return nil, err
	}
	return execute(w.svc, w.t.Context(), c, in)
}

func authorize[I any](w *world, p *authn.Principal, access authz.Access, require func(*requirements, *authz.Scope, *I) authz.Requirement, in *I) (
	*pipeline.Call, error,
) {
	scope := &authz.Scope{
		Context: w.t.Context(), Partition: "aws", Region: w.region, Account: p.Account, Caller: p, Now: w.now, Via: w.via,
	}
	out, err := authz.NewEngine(w, "").Authorize(w.t.Context(), &authz.Request{
		Caller: p, Service: "kms", Region: w.region, Access: access, Requirement: require(&requirements{w.svc}, scope, in),
		Env: authz.Environment{Now: w.now, CalledVia: w.via},
	})
	w.last = out
	if err != nil {
		return nil, err
	}
	if !out.Allowed() {
		return nil, errDenied
	}
	return &pipeline.Call{Grant: out.Grant, Caller: p, Account: p.Account, Region: w.region, Now: w.now}, nil
}

// must fails the test on an error.
func must[O any](t testing.TB, out *O, err error) *O {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// createKey makes a key of account A with a policy; "" is the default one.
func (w *world) createKey(keyPolicy string, tags ...api.Tag) *api.KeyMetadata {
	w.t.Helper()
	in := &api.CreateKeyInput{Tags: tags}
	if keyPolicy != "" {
		in.Policy = &keyPolicy
	}
	out, err := do(w, w.root(), (*requirements).CreateKey, (*Service).CreateKey, in)
	return must(w.t, out, err).KeyMetadata
}

func (w *world) createAlias(alias, key string) {
	w.t.Helper()
	out, err := do(w, w.root(), (*requirements).CreateAlias, (*Service).CreateAlias, &api.CreateAliasInput{AliasName: &alias, TargetKeyId: &key})
	must(w.t, out, err)
}

func (w *world) encrypt(p *authn.Principal, key, text string, context map[string]string) ([]byte, error) {
	out, err := use(w, p, (*requirements).Encrypt, (*Service).Encrypt,
		&api.EncryptInput{KeyId: &key, Plaintext: []byte(text), EncryptionContext: context})
	if err != nil {
		return nil, err
	}
	return out.CiphertextBlob, nil
}

// decrypt decrypts with a named key, or with the blob's if key is "".
func (w *world) decrypt(p *authn.Principal, key string, blob []byte, context map[string]string) (string, error) {
	in := &api.DecryptInput{CiphertextBlob: blob, EncryptionContext: context}
	if key != "" {
		in.KeyId = &key
	}
	out, err := use(w, p, (*requirements).Decrypt, (*Service).Decrypt, in)
	if err != nil {
		return "", err
	}
	return string(out.Plaintext), nil
}

// wants checks an error: "" for none, "denied", or a code with a part of the message after it.
func wants(t testing.TB, what string, err error, want string) {
	t.Helper()
	got := "ok"
	var f *fault.Error
	switch {
	case errors.Is(err, errDenied):
		got = "denied"
	case errors.As(err, &f):
		got = f.Code + " " + f.Message
		if f.Code == "" {
			got = f.Class.String() + " " + f.Message
		}
	case err != nil:
		got = err.Error()
	}
	if want == "" {
		want = "ok"
	}
	if !strings.HasPrefix(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
