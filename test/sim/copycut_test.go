package sim

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/client"
	"github.com/bulkhead/bulkhead/internal/kv/kvcopy"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

// bulk is so large that a few rows of it are more than one transaction of a copy.
var bulk = strings.Repeat("0123456789abcdef", 20_000)

// copying is one copy that is interrupted again and again, with the server that writes between.
type copying struct {
	t       *testing.T
	dir, to string
	cfg     aws.Config
	halt    func()                       // of the server
	want    map[string]map[string]string // rows by table and key
}

func (c *copying) up() *dynamodb.Client {
	c.t.Helper()
	c.cfg, c.halt = onDisk(c.t, c.dir, "")
	return dynamodb.NewFromConfig(c.cfg)
}

// run copies and is interrupted when it has told of the step so often; 0 is never. Without online no server runs.
func (c *copying) run(online bool, step string, times int) error {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	config := app.DefaultConfig()
	config.Data = c.dir
	s := app.StoreCopy{Config: config, To: c.to, Progress: func(name string, _, _ int64) {
		if name == step {
			if times--; times == 0 {
				cancel()
			}
		}
	}}
	if online {
		s.Checkpoint = func(ctx context.Context) (string, error) {
			var out struct{ Checkpoint string }
			err := client.Do(ctx, c.cfg, "POST", "/-/api/v1/store/checkpoints", nil, &out)
			return out.Checkpoint, err
		}
		s.Stop = func(context.Context) error { c.halt(); return nil }
	}
	_, err := s.Run(ctx)
	return err
}

// cut is a run that has to be interrupted.
func (c *copying) cut(online bool, step string, times int) {
	c.t.Helper()
	if err := c.run(online, step, times); !errors.Is(err, context.Canceled) {
		c.t.Fatalf("the copy that is cut while %s: %v", step, err)
	}
}

func (c *copying) put(ddb *dynamodb.Client, table string, from, to int, v string) {
	c.t.Helper()
	for i := from; i < to; i++ {
		pk := "acme#" + strconv.Itoa(i)
		must[*dynamodb.PutItemOutput](c.t)(ddb.PutItem(c.t.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: map[string]types.AttributeValue{"pk": str(pk), "v": str(v + pk)},
		}))
		c.want[table][pk] = v + pk
	}
}

func (c *copying) remove(ddb *dynamodb.Client, table string, from, to int) {
	c.t.Helper()
	for i := from; i < to; i++ {
		pk := "acme#" + strconv.Itoa(i)
		must[*dynamodb.DeleteItemOutput](c.t)(ddb.DeleteItem(c.t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: keyOf(pk)}))
		delete(c.want[table], pk)
	}
}

func (c *copying) makeTable(ddb *dynamodb.Client, table string, tags ...types.Tag) {
	c.t.Helper()
	makeTable(c.t, ddb, table, tags...)
	c.want[table] = map[string]string{}
}

// A copy that is interrupted in each of its steps, with and without a server, while rows and tables come and go between, with its
// checkpoints lost, and between the retirement of the one store and the end of the other, is whole in the end: rows, sealed rows,
// streams and backups.
func TestCopyGoesOnWhereverItStops(t *testing.T) {
	t.Parallel()
	c := &copying{t: t, dir: t.TempDir(), to: database(t), want: map[string]map[string]string{}}
	ddb := c.up()
	key := must[*kms.CreateKeyOutput](t)(kms.NewFromConfig(c.cfg).CreateKey(t.Context(), &kms.CreateKeyInput{})).KeyMetadata.KeyId
	must[*kms.CreateAliasOutput](t)(kms.NewFromConfig(c.cfg).CreateAlias(t.Context(), &kms.CreateAliasInput{
		AliasName: aws.String("alias/customer-acme"), TargetKeyId: key,
	}))
	c.makeTable(ddb, "sealed", types.Tag{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant}#*")},
		types.Tag{Key: aws.String("bulkhead:seal-key"), Value: aws.String("alias/customer-${tenant}")})
	c.makeTable(ddb, "plain")
	c.makeTable(ddb, "leaves")
	must[*dynamodb.UpdateTableOutput](t)(ddb.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
		TableName: aws.String("plain"), StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
	}))
	c.put(ddb, "sealed", 0, 20, "sealed ")
	c.put(ddb, "leaves", 0, 10, "leaves ")
	c.put(ddb, "plain", 0, 28, bulk)
	backup := must[*dynamodb.CreateBackupOutput](t)(ddb.CreateBackup(t.Context(), &dynamodb.CreateBackupInput{
		TableName: aws.String("sealed"), BackupName: aws.String("before"),
	})).BackupDetails.BackupArn

	c.cut(true, "copying", 2) // among the rows, while the server runs
	c.remove(ddb, "plain", 0, 3)
	c.put(ddb, "plain", 5, 8, "short ")
	c.halt()
	c.cut(false, "copying", 1) // going on without it, with a store that has changed

	ddb = c.up() // and it runs again meanwhile
	c.put(ddb, "plain", 40, 54, bulk)
	c.makeTable(ddb, "comes")
	c.put(ddb, "comes", 0, 10, "comes ")
	c.cut(true, "copying", 1)
	c.cut(true, "catching up", 1)
	c.remove(ddb, "plain", 40, 54) // what came after one checkpoint and is gone before the next
	must[*dynamodb.DeleteTableOutput](t)(ddb.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("leaves")}))
	delete(c.want, "leaves")
	c.halt()
	c.cut(false, "catching up", 1)
	c.cut(false, "catching up", 2) // at the end: before it is compared

	if err := os.RemoveAll(filepath.Join(c.dir, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	ddb = c.up()
	c.put(ddb, "sealed", 20, 25, "late ")
	c.put(ddb, "plain", 3, 5, "late ")
	c.cut(true, "copying", 1)
	c.halt()
	retire(t, c.dir, c.to)
	// As of a run that was killed while a checkpoint was made.
	if err := os.MkdirAll(filepath.Join(c.dir, "checkpoints", "0123456789abcdef", "unfinished"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.run(true, "", 0); err != nil {
		t.Fatalf("the last of the copies: %v", err)
	}
	left, err := os.ReadDir(filepath.Join(c.dir, "checkpoints"))
	if err != nil || len(left) > 0 {
		t.Errorf("checkpoints are left: %v %v", left, err)
	}
	c.refusals()
	c.compare(backup)
}

// retire does what a copy does last but one.
func retire(t *testing.T, dir, to string) {
	t.Helper()
	db, err := pebblekv.Open(filepath.Join(dir, "pebble"), pebblekv.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	_, host, _ := strings.Cut(to, "@")
	host, _, _ = strings.Cut(host, "?")
	if err := errors.Join(kvcopy.Retire(t.Context(), db, "postgres://"+host), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// refusals: the old store is not served or copied again, neither there nor elsewhere, and the copy is not opened with another key.
func (c *copying) refusals() {
	t := c.t
	t.Helper()
	open := func(edit func(*app.Config)) error {
		config := app.DefaultConfig()
		config.Data, config.Logger = c.dir, slog.New(slog.DiscardHandler)
		edit(&config)
		a, err := app.Open(t.Context(), config)
		if err == nil {
			err = a.Close(t.Context())
		}
		return err
	}
	for what, err := range map[string]error{
		"was copied to":    open(func(*app.Config) {}),
		"another root key": open(func(o *app.Config) { o.Data, o.Store, o.NodeID = t.TempDir(), c.to, "other" }),
		"holds all of it":  c.run(false, "", 0),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("no word of %q: %v", what, err)
		}
	}
	elsewhere := *c
	elsewhere.to = database(t)
	if err := elsewhere.run(false, "", 0); err == nil || !strings.Contains(err.Error(), "was copied to") {
		t.Errorf("a retired store is copied elsewhere: %v", err)
	}
}

// compare holds the copy, served, against what was written.
func (c *copying) compare(backup *string) {
	t := c.t
	t.Helper()
	c.cfg, _ = onDisk(t, c.dir, c.to)
	ddb := dynamodb.NewFromConfig(c.cfg)
	for table, want := range c.want {
		same(t, table, rowsOf(t, ddb, table), want)
	}
	if _, err := ddb.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("leaves")}); err == nil {
		t.Error("a deleted table is back")
	}
	records := recordsOf(t, c.cfg, "plain")
	if n, last := len(records["acme#41"]), records["acme#41"]; n != 2 || last[1].Dynamodb.NewImage != nil {
		t.Errorf("the stream has %d records of a row that was put and deleted", n)
	}
	must[*dynamodb.RestoreTableFromBackupOutput](t)(ddb.RestoreTableFromBackup(t.Context(), &dynamodb.RestoreTableFromBackupInput{
		TargetTableName: aws.String("restored"), BackupArn: backup,
	}))
	eventually(t, patience, "the table is restored", func() bool { return active(t, ddb, "restored") })
	for pk := range c.want["sealed"] {
		if strings.HasPrefix(c.want["sealed"][pk], "late ") {
			delete(c.want["sealed"], pk)
		}
	}
	same(t, "restored", rowsOf(t, ddb, "restored"), c.want["sealed"])
}

// A store that holds something is not copied into, and is as it was.
func TestCopyIntoAStoreInUseIsRefused(t *testing.T) {
	t.Parallel()
	c := &copying{t: t, dir: t.TempDir(), to: database(t), want: map[string]map[string]string{}}
	other := &copying{t: t, want: map[string]map[string]string{}}
	theirs := t.TempDir()
	cfg, stop := onDisk(t, theirs, c.to)
	other.makeTable(dynamodb.NewFromConfig(cfg), "theirs")
	other.put(dynamodb.NewFromConfig(cfg), "theirs", 0, 3, "theirs ")
	c.makeTable(c.up(), "ours")
	for _, online := range []bool{true, false} {
		if err := c.run(online, "", 0); !errors.Is(err, kvcopy.ErrNotEmpty) {
			t.Errorf("copied over a store in use: %v", err)
		}
		if online {
			c.halt()
			stop()
		}
	}
	cfg, _ = onDisk(t, theirs, c.to)
	same(t, "theirs", rowsOf(t, dynamodb.NewFromConfig(cfg), "theirs"), other.want["theirs"])
	c.up() // it was not retired
}
