package dynamodb

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

const (
	// defaultRecoveryDays is the recovery period unless the request names another ("Point-in-time backups for DynamoDB").
	defaultRecoveryDays = 35
	// recoveryMargin is how much longer changes are kept, so that a restore to the earliest time can end.
	recoveryMargin = 6 * time.Hour
)

// recovery is the point-in-time recovery of a table: it keeps its changes, so that any state since can be made again.
type recovery struct {
	Enabled bool      `json:",omitempty"`
	Days    int32     `json:",omitempty"`
	Since   time.Time `json:",omitzero"`
	// Until is when it was last turned off.
	Until time.Time `json:",omitzero"`
	// Past are the guard's tags that the table had before it had those of now, oldest first.
	Past []pastTags `json:",omitempty"`
}

func (r *recovery) span() time.Duration { return time.Duration(r.Days) * 24 * time.Hour }

// earliest is the first time that the table can be restored to.
func (r *recovery) earliest(now time.Time) time.Time {
	if e := now.Add(-r.span()); e.After(r.Since) {
		return e
	}
	return r.Since
}

func (r *recovery) describe(now time.Time) *api.ContinuousBackupsDescription {
	d := &api.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: api.PointInTimeRecoveryStatusDisabled}
	if r.Enabled {
		d.PointInTimeRecoveryStatus = api.PointInTimeRecoveryStatusEnabled
		d.EarliestRestorableDateTime, d.LatestRestorableDateTime = new(r.earliest(now).UTC()), new(now.UTC())
		d.RecoveryPeriodInDays = &r.Days
	}
	return &api.ContinuousBackupsDescription{ContinuousBackupsStatus: api.ContinuousBackupsStatusEnabled, PointInTimeRecoveryDescription: d}
}

func tableNotFound(err error, at place) error {
	return orElseTable(err, api.NewTableNotFoundException("Table not found: %s", at.name))
}

// orElseTable gives a missing table another error.
func orElseTable(err, missing error) error {
	if err == errNoTable { //nolint:errorlint // it is never wrapped
		return missing
	}
	return err
}

// DescribeContinuousBackups tells whether a table can be restored to a point in time, and to which.
func (s *Service) DescribeContinuousBackups(ctx context.Context, c *pipeline.Call, in *api.DescribeContinuousBackupsInput) (*api.DescribeContinuousBackupsOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeContinuousBackupsOutput{}
	err = s.inAnyTable(ctx, c, at, func(_ *store.Tx, t *table) error {
		out.ContinuousBackupsDescription = t.Recovery.describe(c.Now)
		return nil
	})
	if err != nil {
		return nil, tableNotFound(err, at)
	}
	return out, nil
}

// UpdateContinuousBackups turns point-in-time recovery on or off. When it is turned off, what it kept is of no use any more.
func (s *Service) UpdateContinuousBackups(ctx context.Context, c *pipeline.Call, in *api.UpdateContinuousBackupsInput) (*api.UpdateContinuousBackupsOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	spec := in.PointInTimeRecoverySpecification
	if !*spec.PointInTimeRecoveryEnabled && spec.RecoveryPeriodInDays != nil {
		return nil, invalid("RecoveryPeriodInDays can only be specified when PointInTimeRecoveryEnabled is true")
	}
	out := &api.UpdateContinuousBackupsOutput{}
	err = s.changeTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		rec := t.record
		if err := rec.busy(); err != nil {
			return err
		}
		if err := rec.recover(tx, at, c.Now.UTC(), spec); err != nil {
			return err
		}
		out.ContinuousBackupsDescription = rec.Recovery.describe(c.Now)
		return save(tx, at, &rec)
	})
	if err != nil {
		return nil, tableNotFound(err, at)
	}
	return out, nil
}

func (r *record) recover(tx *store.Tx, at place, now time.Time, spec *api.PointInTimeRecoverySpecification) error {
	if !*spec.PointInTimeRecoveryEnabled {
		if r.Recovery.Enabled {
			r.Recovery = recovery{Until: now}
		}
		return nil
	}
	days := int32(defaultRecoveryDays)
	if r.Recovery.Enabled {
		days = r.Recovery.Days
	} else {
		r.Recovery.Since = now
	}
	if spec.RecoveryPeriodInDays != nil {
		days = opt.Value(spec.RecoveryPeriodInDays)
	}
	r.Recovery = recovery{Enabled: true, Days: days, Since: r.Recovery.Since}
	r.Logs = true
	return keepLog(tx, at, r.ID, r.Name)
}
