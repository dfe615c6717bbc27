package dynamodb

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// provisionedPool makes a table and an index with 50 units of either kind.
func provisionedPool(t *testing.T) *env {
	t.Helper()
	e := newEnv(t)
	const units = `'ProvisionedThroughput':{'ReadCapacityUnits':50,'WriteCapacityUnits':50}`
	in := strings.Replace(fmt.Sprintf(pool, ","+units), "'PAY_PER_REQUEST'", "'PROVISIONED'", 1)
	e.must(root(), "CreateTable", strings.Replace(in, `'Projection':{`, units+`,'Projection':{`, 1))
	return e
}

func tableUnits(read, write int) string {
	return fmt.Sprintf(`'ProvisionedThroughput':{'ReadCapacityUnits':%d,'WriteCapacityUnits':%d}`, read, write)
}

func indexUnits(read, write int) string {
	return `'GlobalSecondaryIndexUpdates':[{'Update':{'IndexName':'by-kind',` + tableUnits(read, write) + `}}]`
}

func (e *env) change(update string) string {
	got := e.result(root(), "UpdateTable", `{'TableName':'pool',`+update+`}`)
	if strings.HasPrefix(got, "{") {
		return ""
	}
	return got
}

// provisions are the provisioned throughputs of the table and of its index, as they are described.
func (e *env) provisions(t *testing.T) (of, index string) {
	t.Helper()
	d := e.must(root(), "DescribeTable", `{'TableName':'pool'}`)
	show := func(v any) string {
		m := v.(map[string]any)
		text := fmt.Sprintf("%v/%v decreases %v", m["ReadCapacityUnits"], m["WriteCapacityUnits"], m["NumberOfDecreasesToday"])
		for _, name := range []string{"LastIncreaseDateTime", "LastDecreaseDateTime"} {
			if at, ok := m[name].(float64); ok {
				text += fmt.Sprintf(" %s %s", strings.ToLower(name[4:6]), time.Unix(int64(at), 0).UTC().Format("15:04:05"))
			}
		}
		return text
	}
	indexes := get(t, d, "Table", "GlobalSecondaryIndexes").([]any)
	return show(get(t, d, "Table", "ProvisionedThroughput")), show(indexes[0].(map[string]any)["ProvisionedThroughput"])
}

const tooManyDecreases = "LimitExceededException: Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. " +
	"After the first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. "

// What AWS was seen to do: four decreases at once, then one 3600 seconds after the last, and all four again at midnight UTC.
func TestDecreasesADay(t *testing.T) {
	t.Parallel()
	e := provisionedPool(t)
	e.now = time.Date(2026, 10, 8, 10, 21, 30, 0, time.UTC)
	want := func(when, want string) {
		t.Helper()
		if got, _ := e.provisions(t); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	want("at first", "50/50 decreases 0")
	for i, units := range []string{tableUnits(40, 40), tableUnits(30, 60), tableUnits(30, 20), tableUnits(10, 20)} {
		e.now = e.now.Add(time.Second)
		if got := e.change(units); got != "" {
			t.Fatalf("decrease %d: %s", i+1, got)
		}
	}
	want("after four", "10/20 decreases 4 in 10:21:32 de 10:21:34")
	const refused = tooManyDecreases + "Number of decreases today: 4. Last decrease at Thursday, October 8, 2026 at 10:21:34 AM Coordinated Universal Time. " +
		"Next decrease can be made at Thursday, October 8, 2026 at 11:21:34 AM Coordinated Universal Time"
	for _, units := range []string{tableUnits(9, 20), tableUnits(9, 90)} {
		if got := e.change(units); got != refused {
			t.Errorf("the fifth: %s", got)
		}
	}
	e.now = e.now.Add(3599 * time.Second)
	if got := e.change(tableUnits(9, 20)); got != refused {
		t.Errorf("a second too early: %s", got)
	}
	if got := e.change(tableUnits(11, 20)); got != "" {
		t.Errorf("an increase: %s", got)
	}
	want("refused and increased", "11/20 decreases 4 in 11:21:33 de 10:21:34")
	e.now = e.now.Add(time.Second)
	if got := e.change(tableUnits(9, 20)); got != "" {
		t.Errorf("an hour later: %s", got)
	}
	want("after five", "9/20 decreases 5 in 11:21:33 de 11:21:34")
	if got := e.change(tableUnits(8, 20)); !strings.HasPrefix(got, tooManyDecreases+"Number of decreases today: 5. ") {
		t.Errorf("the sixth: %s", got)
	}
	e.now = time.Date(2026, 10, 8, 23, 20, 48, 0, time.UTC)
	if got := e.change(tableUnits(8, 20)); got != "" {
		t.Errorf("in the evening: %s", got)
	}
	if got := e.change(tableUnits(7, 20)); !strings.HasSuffix(got, "Next decrease can be made at Friday, October 9, 2026 at 12:00:00 AM Coordinated Universal Time") {
		t.Errorf("midnight comes first: %s", got)
	}
	e.now = time.Date(2026, 10, 9, 0, 0, 0, 0, time.UTC)
	want("the next day", "8/20 decreases 0 in 11:21:33 de 23:20:48")
	for read := 7; read >= 4; read-- {
		if got := e.change(tableUnits(read, 20)); got != "" {
			t.Errorf("the next day: %s", got)
		}
	}
	want("the next day's four", "4/20 decreases 4 in 11:21:33 de 00:00:00")
}

// Table and index are counted apart, and what changes both changes neither if one may not be.
func TestDecreasesOfAnIndex(t *testing.T) {
	t.Parallel()
	e := provisionedPool(t)
	e.now = time.Date(2026, 10, 8, 10, 0, 0, 0, time.UTC)
	for units := 49; units > 45; units-- {
		if got := e.change(tableUnits(units, 50)); got != "" {
			t.Fatal(got)
		}
	}
	if got := e.change(tableUnits(45, 50) + "," + indexUnits(40, 40)); !strings.HasPrefix(got, tooManyDecreases) {
		t.Errorf("both: %s", got)
	}
	if of, index := e.provisions(t); of != "46/50 decreases 4 de 10:00:00" || index != "50/50 decreases 0" {
		t.Errorf("table %s, index %s", of, index)
	}
	for units := 49; units > 45; units-- {
		if got := e.change(indexUnits(50, units)); got != "" {
			t.Fatal(got)
		}
	}
	if got := e.change(tableUnits(60, 60) + "," + indexUnits(50, 45)); !strings.HasPrefix(got, tooManyDecreases) {
		t.Errorf("the index alone has too many: %s", got)
	}
	const counted, zeros = `"LastDecreaseDateTime":`, `"NumberOfDecreasesToday":0`
	if of, index := e.provisions(t); of != "46/50 decreases 4 de 10:00:00" || index != "50/46 decreases 4 de 10:00:00" {
		t.Errorf("table %s, index %s", of, index)
	}
	arn := e.backup(t)
	e.work()
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	if got := e.must(root(), "DescribeTable", `{'TableName':'again'}`); strings.Contains(got, counted) || strings.Count(got, zeros) != 2 {
		t.Errorf("a table that was made of it: %s", got)
	}
}

// A switch of billing is no decrease that counts, and does not give back those that were.
func TestDecreasesAndBilling(t *testing.T) {
	t.Parallel()
	e := provisionedPool(t)
	e.now = time.Date(2026, 10, 8, 10, 0, 0, 0, time.UTC)
	for units := 49; units > 45; units-- {
		if got := e.change(tableUnits(units, 50)); got != "" {
			t.Fatal(got)
		}
	}
	e.now = e.now.Add(time.Minute)
	if got := e.change(`'BillingMode':'PAY_PER_REQUEST'`); got != "" {
		t.Fatal(got)
	}
	if of, index := e.provisions(t); of != "0/0 decreases 4 de 10:01:00" || index != "0/0 decreases 0 de 10:01:00" {
		t.Errorf("table %s, index %s", of, index)
	}
	e.now = e.now.Add(time.Minute)
	if got := e.change(`'BillingMode':'PROVISIONED',` + tableUnits(9, 9) + "," + indexUnits(9, 9)); got != "" {
		t.Fatal(got)
	}
	if of, index := e.provisions(t); of != "9/9 decreases 4 in 10:02:00 de 10:01:00" || index != "9/9 decreases 0 in 10:02:00 de 10:01:00" {
		t.Errorf("table %s, index %s", of, index)
	}
	if got := e.change(tableUnits(8, 9)); !strings.HasPrefix(got, tooManyDecreases) {
		t.Errorf("after both switches: %s", got)
	}
}

// A clock that is behind the one that counted neither forgets the decreases nor lets more through; what an outside engine limits is
// counted only.
func TestDecreasesByOtherClocks(t *testing.T) {
	t.Parallel()
	midnight := time.Date(2026, 10, 9, 0, 0, 0, 0, time.UTC)
	a := adjusted{Decreased: midnight.Add(time.Second), Decreases: freeDecreases}
	if err := a.note(throughput{2, 2}, throughput{1, 2}, midnight.Add(-time.Second), true); err == nil || a.today(midnight.Add(-time.Second)) != freeDecreases {
		t.Errorf("a clock that is behind: %v, %+v", err, a)
	}
	if err := a.note(throughput{2, 2}, throughput{1, 2}, midnight.Add(time.Minute), false); err != nil || a.Decreases != freeDecreases+1 {
		t.Errorf("of an outside engine: %v, %+v", err, a)
	}
}
