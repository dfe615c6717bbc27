package cognitoidp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// importing is a job of a world.
type importing struct {
	w          *world
	job, token string
}

func (w *world) newImport() *importing {
	w.t.Helper()
	out := must(do(w, w.r.CreateUserImportJob, w.s.CreateUserImportJob, &api.CreateUserImportJobInput{
		UserPoolId: &w.pool, JobName: new("job"), CloudWatchLogsRoleArn: new("arn:aws:iam::111122223333:role/logs"),
	}))(w.t).UserImportJob
	u := must(url.Parse(*out.PreSignedUrl))(w.t)
	if u.Path != UploadPath+"/"+w.pool+"/"+*out.JobId {
		w.t.Errorf("the URL is %s", u)
	}
	return &importing{w, *out.JobId, u.Query().Get("token")}
}

func (i *importing) upload(file string) error {
	return i.w.s.Upload(context.Background(), i.w.pool, i.job, i.token, []byte(file), i.w.now)
}

func (i *importing) start() error {
	_, err := do(i.w, i.w.r.StartUserImportJob, i.w.s.StartUserImportJob, &api.StartUserImportJobInput{UserPoolId: &i.w.pool, JobId: &i.job})
	return err
}

func (i *importing) stop() error {
	_, err := do(i.w, i.w.r.StopUserImportJob, i.w.s.StopUserImportJob, &api.StopUserImportJobInput{UserPoolId: &i.w.pool, JobId: &i.job})
	return err
}

func (i *importing) run() {
	i.w.t.Helper()
	if err := i.w.s.Import(context.Background(), i.w.now); err != nil {
		i.w.t.Fatal(err)
	}
}

func (i *importing) show() *api.UserImportJobType {
	i.w.t.Helper()
	return must(do(i.w, i.w.r.DescribeUserImportJob, i.w.s.DescribeUserImportJob, &api.DescribeUserImportJobInput{UserPoolId: &i.w.pool, JobId: &i.job}))(i.w.t).UserImportJob
}

// counts is the status and the three counts in short.
func (i *importing) counts() string {
	d := i.show()
	return fmt.Sprintf("%s %d/%d/%d", d.Status, *d.ImportedUsers, *d.SkippedUsers, *d.FailedUsers)
}

func (i *importing) log() []string {
	i.w.t.Helper()
	page := must(paging.List{Keys: i.w.s.Keyring, Account: testAccount, Region: testRegion, Operation: "test"}.Page(nil, 100))(i.w.t)
	lines, found, err := i.w.s.ImportFailures(context.Background(), testAccount, testRegion, i.w.pool, i.job, page)
	if err != nil || !found {
		i.w.t.Fatal(found, err)
	}
	var out []string
	for _, l := range lines {
		out = append(out, fmt.Sprintf("%d %s %s", l.Line, l.Result, l.Reason))
	}
	return out
}

// csv makes a file of the world's pool; each row is pairs "column=value".
func (w *world) csv(rows ...string) string {
	w.t.Helper()
	header := must(do(w, w.r.GetCSVHeader, w.s.GetCSVHeader, &api.GetCSVHeaderInput{UserPoolId: &w.pool}))(w.t).CSVHeader
	lines := []string{strings.Join(header, ",")}
	for _, r := range rows {
		values := make([]string, len(header))
		values[slices.Index(header, columnMFA)] = "false"
		for _, pair := range strings.Split(r, ";") {
			name, value, _ := strings.Cut(pair, "=")
			values[slices.Index(header, name)] = value
		}
		lines = append(lines, strings.Join(values, ","))
	}
	return strings.Join(lines, "\n") + "\n"
}

// person is the row of a user whose mail is verified.
func person(name, more string) string {
	return "cognito:username=" + name + ";email=" + name + "@example.com;email_verified=TRUE" + more
}

func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.UserPoolTags = map[string]string{userpool.TenantAttributeTag: "custom:tenant_id"}
	})
	w.member("bob")
	i := w.newImport()
	want(t, "without a file", i.start(), "PreconditionNotMetException", "No csv file was uploaded for "+i.job)
	if err := i.upload(w.csv(person("ana", `;name=Ana\, the first;custom:tenant_id=acme`), person("carl", ""), person("bob", ""))); err != nil {
		t.Fatal(err)
	}
	i.run()
	if got := i.counts(); got != "Created 0/0/0" {
		t.Errorf("before it was started: %s", got)
	}
	if err := i.start(); err != nil {
		t.Fatal(err)
	}
	want(t, "started twice", i.start(), "PreconditionNotMetException", "")
	i.run()
	if got := i.counts(); got != "Succeeded 2/1/0" || *i.show().CompletionMessage != importDone || i.show().PreSignedUrl != nil {
		t.Errorf("%s", got)
	}
	if got := i.log(); len(got) != 1 || got[0] != "4 SKIPPED The user already exists." {
		t.Errorf("log %q", got)
	}
	want(t, "stopped when it is over", i.stop(), "PreconditionNotMetException", "")
	u := must(do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	has := map[string]string{}
	for _, a := range u.UserAttributes {
		has[*a.Name] = *a.Value
	}
	if u.UserStatus != "RESET_REQUIRED" || has["name"] != "Ana, the first" || has["custom:tenant_id"] != "acme" || has["email_verified"] != "true" {
		t.Errorf("%s %v", u.UserStatus, has)
	}
	_, err := w.signIn(w.app, "ana", password)
	want(t, "the first sign-in", err, "PasswordResetRequiredException", "")
	must(do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.app, Username: new("ana")}))(t)
	must(do(w, w.r.ConfirmForgotPassword, w.s.ConfirmForgotPassword, &api.ConfirmForgotPasswordInput{
		ClientId: &w.app, Username: new("ana"), ConfirmationCode: new(w.code("ana@example.com")), Password: new(password),
	}))(t)
	w.tokens(w.app, "ana")
	if n := w.count("import-part"); n != 0 {
		t.Errorf("%d parts of the file are left", n)
	}
	list := must(do(w, w.r.ListUserImportJobs, w.s.ListUserImportJobs, &api.ListUserImportJobsInput{UserPoolId: &w.pool, MaxResults: new(int32(5))}))(t)
	if len(list.UserImportJobs) != 1 {
		t.Errorf("%d jobs", len(list.UserImportJobs))
	}
}

// count is how many records of a kind the pool has.
func (w *world) count(kind string) (n int) {
	w.t.Helper()
	err := system.View(context.Background(), w.s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(testAccount, testRegion)
		if err != nil {
			return err
		}
		return rec.Scan(userpool.InPool(w.pool, kind), nil, func(store.Key, []byte) bool { n++; return true })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestImportFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, aliased("email"))
	w.member("taken", "email", "taken@example.com", "email_verified", "true")
	i := w.newImport()
	header, rest, _ := strings.Cut(w.csv(
		person("good", ""), person("good", ""), "cognito:username=noflag;email=a@example.com", person("bad", ";phone_number=123"),
		"cognito:username=flag;email_verified=true", "cognito:username=other;email=taken@example.com;email_verified=true",
		person("long", ";custom:color=purple"), person("two words", ""), "cognito:username=mail@form.example;email=m@example.com;email_verified=true", person("mfa", ";cognito:mfa_enabled=true"),
		person("unsure", ";cognito:mfa_enabled=perhaps"), person("formula", ";nickname==HYPERLINK(1)"),
	), "\n")
	rest += "too,few\n" + strings.Repeat("x", maxRow+1) + "\n\xff\xfe\n" + strings.Replace(rest[:strings.IndexByte(rest, '\n')], "good", "g\x00od", 1) + "\n\n"
	if err := i.upload(header + "\r\n" + rest); err != nil {
		t.Fatal(err)
	}
	if err := i.start(); err != nil {
		t.Fatal(err)
	}
	i.run()
	got := strings.Join(i.log(), "\n")
	const wanted = `3 SKIPPED The user already exists.
4 FAILED The User Record does not set any of the auto verified attributes to verified. (Example: email_verified to true).
5 FAILED Attributes did not conform to the schema: phone_number: Invalid phone number format.
6 FAILED The User Record sets email_verified to true without email.
7 SKIPPED The user already exists.
8 FAILED Attributes did not conform to the schema: custom:color: String must be no longer than 5 characters.
9 FAILED cognito:username must have 1 to 128 characters and no spaces.
10 FAILED Username cannot be of email format, since user pool is configured for email alias.
11 FAILED The User Record enables MFA without a phone_number.
12 FAILED cognito:mfa_enabled must be true or false.
14 FAILED The line has 2 values and not 24.
15 FAILED The line is not UTF-8, or has more than 16000 characters.
16 FAILED The line is not UTF-8, or has more than 16000 characters.
17 FAILED The line has control characters.`
	if got != wanted {
		t.Errorf("log:\n%s", got)
	}
	if c := i.counts(); c != "Failed 2/2/12" || *i.show().CompletionMessage != importTooMany {
		t.Errorf("%s: %s", c, *i.show().CompletionMessage)
	}
	if w.named("taken@example.com") != "taken" {
		t.Error("an import took an alias")
	}
}

func TestImportRefusesFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.csv(person("ana", ""))
	for name, file := range map[string]string{
		"a byte order mark": "\xef\xbb\xbf" + good, "a column missing": strings.Replace(good, "nickname,", "", 1), "a column too many": "sub," + good,
		"a column twice": strings.Replace(good, "nickname", "name", 1), "a header alone": good[:strings.IndexByte(good, '\n')], "nothing": "\n",
	} {
		i := w.newImport()
		if err := i.upload(file); err != nil {
			t.Fatal(err)
		}
		if err := i.start(); err != nil {
			t.Fatal(err)
		}
		i.run()
		if got := i.counts(); got != "Failed 0/0/0" {
			t.Errorf("%s: %s", name, got)
		}
	}
	none := newWorld(t, func(in *api.CreateUserPoolInput) { in.AutoVerifiedAttributes = nil })
	i := none.newImport()
	if err := i.upload(none.csv(person("ana", ""))); err != nil {
		t.Fatal(err)
	}
	want(t, "nothing is verified", i.start(), "PreconditionNotMetException", "")
}

// An upload URL is for one file of one job, for a short time.
func TestUploadURL(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	file := w.csv(person("ana", ""))
	a, b := w.newImport(), w.newImport()
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrUpload) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("another job's token", (&importing{w, a.job, b.token}).upload(file))
	refused("another pool's token", (&importing{other, a.job, a.token}).upload(file))
	flipped := []byte(a.token)
	flipped[len(flipped)/2] ^= 1
	refused("a changed token", (&importing{w, a.job, string(flipped)}).upload(file))
	refused("no token", (&importing{w, a.job, ""}).upload(file))
	refused("nothing", a.upload(""))
	refused("too much", a.upload(strings.Repeat("x", MaxImportFile+1)))
	if err := a.upload(file); err != nil {
		t.Fatal(err)
	}
	refused("twice", a.upload(file))
	w.now = w.now.Add(uploadLife)
	refused("too late", b.upload(file))
	w.now = w.now.Add(importLife)
	want(t, "started too late", a.start(), "PreconditionNotMetException", "")
	if got := a.counts(); got != "Expired 0/0/0" {
		t.Error(got)
	}
	a.run()
	if n := w.count("import-part"); n != 0 {
		t.Errorf("%d parts of an expired job are left", n)
	}
}

// A job that a node left goes on after the last line that counted, and stops when it is told to.
func TestImportGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var rows []string
	for n := range 3 * importBatch {
		rows = append(rows, person(fmt.Sprintf("user-%03d", n), ""))
	}
	begin := func() *importing {
		i := w.newImport()
		if err := i.upload(w.csv(rows...)); err != nil {
			t.Fatal(err)
		}
		if err := i.start(); err != nil {
			t.Fatal(err)
		}
		return i
	}
	// oneStep is what a node does before it dies.
	oneStep := func(i *importing) {
		p := must(w.s.FactsOf(context.Background(), w.pool))(t)
		r := w.s.newRun(context.Background(), p, queueKey(p, i.job), w.now)
		if more, err := r.step(must(r.open())(t)); err != nil || !more {
			t.Fatal(more, err)
		}
	}
	first := begin()
	oneStep(first)
	if got := first.counts(); got != fmt.Sprintf("InProgress %d/0/0", importBatch) {
		t.Error(got)
	}
	first.run()
	if got := first.counts(); got != fmt.Sprintf("Succeeded %d/0/0", 3*importBatch) {
		t.Error(got)
	}
	second := begin()
	oneStep(second)
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	second.run()
	if got := second.counts(); got != fmt.Sprintf("Stopped 0/%d/0", importBatch) {
		t.Error(got)
	}
	// A pool that is deleted takes its jobs with it.
	third := begin()
	must(do(w, w.r.DeleteUserPool, w.s.DeleteUserPool, &api.DeleteUserPoolInput{UserPoolId: &w.pool}))(t)
	third.run()
	if keys := must(w.s.queued(context.Background(), nil))(t); len(keys) != 0 {
		t.Errorf("%d entries of the queue are left", len(keys))
	}
}

func FuzzImportFile(f *testing.F) {
	f.Add("cognito:username,cognito:mfa_enabled\na,true\n")
	f.Add("a\\,b,c\r\n\\,,\\")
	p := &userpool.Pool{Schema: []userpool.Attribute{{Name: "email"}}}
	f.Fuzz(func(t *testing.T, file string) {
		in, err := openImport(p, []byte(file))
		if err != nil {
			return
		}
		for {
			line, ok := in.next()
			if !ok {
				return
			}
			if r, err := in.parse(line); err == nil && (r.username == "" || len(r.attrs) > len(in.columns)) {
				t.Errorf("%q", line)
			}
		}
	})
}
