package dynamodb

import (
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// A provisioned throughput may be decreased so often in a UTC day at once, and from then on when there was no decrease for so long
// ("Quotas in Amazon DynamoDB", "Decreasing provisioned throughput").
const (
	freeDecreases = 4
	decreasePause = time.Hour
)

// adjusted is when the provisioned throughput of a table or index was changed. Each has its own.
type adjusted struct {
	Increased time.Time `json:",omitzero"`
	Decreased time.Time `json:",omitzero"`
	// Decreases is how many decreases there were in the UTC day of Decreased.
	Decreases int `json:",omitempty"`
}

// today is how many decreases there were in the UTC day of now. Those of a clock that is ahead are of it.
func (a *adjusted) today(now time.Time) int {
	if a.Decreased.Before(utcDay(now)) {
		return 0
	}
	return a.Decreases
}

func utcDay(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// note puts a change on record. One that takes from reads or writes is a decrease, whatever it gives to the other, and is refused if
// there were too many; limited is false where that is not for this server to say.
func (a *adjusted) note(from, to throughput, now time.Time, limited bool) error {
	now = now.UTC()
	if to.Read < from.Read || to.Write < from.Write {
		n := a.today(now)
		if next := a.next(now); limited && n >= freeDecreases && now.Before(next) {
			return errDecreases(n, a.Decreased, next)
		}
		a.Decreased, a.Decreases = now, n+1
	}
	if to.Read > from.Read || to.Write > from.Write {
		a.Increased = now
	}
	return nil
}

// next is when a decrease is possible again that was not possible at now.
func (a *adjusted) next(now time.Time) time.Time {
	next, tomorrow := a.Decreased.Add(decreasePause), utcDay(now).Add(24*time.Hour)
	if tomorrow.Before(next) {
		return tomorrow
	}
	return next
}

// billed notes a switch between the two ways of billing, which is not counted.
func (a *adjusted) billed(onDemand bool, now time.Time) {
	now = now.UTC()
	if onDemand {
		a.Decreased, a.Decreases = now, a.today(now)
	} else {
		a.Increased = now
	}
}

// errDecreases has AWS's words and form of times.
func errDecreases(n int, last, next time.Time) error {
	const form = "Monday, January 2, 2006 at 3:04:05 PM Coordinated Universal Time"
	return api.NewLimitExceededException("Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "+
		"After the first %d decreases, each subsequent decrease in the same UTC day can be performed at most once every %d seconds. "+
		"Number of decreases today: %d. Last decrease at %s. Next decrease can be made at %s",
		freeDecreases, int(decreasePause.Seconds()), n, last.UTC().Format(form), next.UTC().Format(form))
}

func (t throughput) describe(a *adjusted, now time.Time) *api.ProvisionedThroughputDescription {
	n := int64(a.today(now))
	return &api.ProvisionedThroughputDescription{
		NumberOfDecreasesToday: &n, ReadCapacityUnits: &t.Read, WriteCapacityUnits: &t.Write,
		LastIncreaseDateTime: opt.Present(a.Increased), LastDecreaseDateTime: opt.Present(a.Decreased),
	}
}
