package dynamodb

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/partiql"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/digest"
	"github.com/bulkhead/bulkhead/service/dynamodb/plan"
)

// ExecuteStatement performs one statement: SELECT reads a page of rows, the others write one row.
func (s *Service) ExecuteStatement(ctx context.Context, c *pipeline.Call, in *api.ExecuteStatementInput) (*api.ExecuteStatementOutput, error) {
	p, err := plan.Execute(in)
	if err != nil {
		return nil, err
	}
	if p.Kind == partiql.Select {
		return s.selectRows(ctx, c, p, in)
	}
	out := &api.ExecuteStatementOutput{}
	if t, err := s.elsewhereNamed(ctx, c, p.Table); t != nil || err != nil {
		if err == nil {
			out.Items = []item.Map{}
			out.ConsumedCapacity, err = s.performFar(ctx, c, t, p, in.ReturnConsumedCapacity, func(m item.Map) { out.Items = append(out.Items, m) })
		}
		if err != nil {
			return nil, failed(err)
		}
		return out, nil
	}
	m := s.meter(c)
	defer m.settle()
	err = s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		m.reset()
		*out = api.ExecuteStatementOutput{Items: []item.Map{}}
		t, err := s.open(tx, c, p.Table)
		if err != nil {
			return err
		}
		row, cost, err := t.perform(p, m)
		if err != nil {
			return err
		}
		if !row.IsZero() {
			out.Items = append(out.Items, row.Clone())
		}
		out.ConsumedCapacity = consumed(in.ReturnConsumedCapacity, t.table, p.Table, cost)
		return nil
	})
	if err != nil {
		return nil, failed(err)
	}
	return out, nil
}

// perform performs a statement that writes, and returns what its RETURNING clause asks for.
func (t opened) perform(p plan.Statement, m *meter) (item.Map, item.Cost, error) {
	w, err := p.Write(&t.schema)
	if err != nil {
		return item.Map{}, item.Cost{}, err
	}
	done, err := m.write(t.table, t.rows, w)
	if err != nil {
		return item.Map{}, item.Cost{}, duplicate(p, err)
	}
	return w.Returned(string(p.Returning), done), done.Cost, nil
}

// errDuplicate is what an INSERT of a row that is there answers.
func errDuplicate() error {
	return api.NewDuplicateItemException("Duplicate primary key exists in table")
}

// duplicate is the error of a statement that writes: an INSERT's condition fails by a duplicate.
func duplicate(p plan.Statement, err error) error {
	var condition *item.ConditionFailedError
	if p.Kind == partiql.Insert && errors.As(err, &condition) {
		return errDuplicate()
	}
	return err
}

// cursor is a place in a selection: what follows last in a partition, or what follows a pause; with neither it is the partition's
// beginning.
type cursor struct {
	part  int
	last  item.Map
	pause []byte
}

// pausedParts is added to the number of the partition in the token of a cursor with a pause.
const pausedParts = plan.MaxPartitions + 1

// selectRows answers a page of a SELECT.
func (s *Service) selectRows(ctx context.Context, c *pipeline.Call, p plan.Statement, in *api.ExecuteStatementInput) (*api.ExecuteStatementOutput, error) {
	from, err := s.openCursor(c, in)
	if err != nil {
		return nil, err
	}
	at, err := locate(c.Account, c.Region, p.Table)
	if err != nil {
		return nil, err
	}
	out := &api.ExecuteStatementOutput{}
	var next *cursor
	m := s.meter(c)
	defer m.settle()
	far, err := s.elsewhere(ctx, c, at)
	switch {
	case err != nil:
	case far != nil:
		var f *farRows
		if f, err = s.far(ctx, c, far); err == nil {
			next, err = opened{far, f}.selects(m, p, in, from, out)
		}
	default:
		err = s.readRows(ctx, c, at, func(tx *store.Tx, t *table) error {
			m.reset()
			rs, err := rows(tx, c, t)
			if err != nil {
				return err
			}
			next, err = opened{t, rs}.selects(m, p, in, from, out)
			return err
		})
	}
	if err == nil && next != nil {
		out.NextToken, err = s.sealCursor(c, in, next)
	}
	if err != nil {
		return nil, noTable(err)
	}
	return out, nil
}

// selects reads a page of a SELECT and returns where the next one begins.
func (t opened) selects(m *meter, p plan.Statement, in *api.ExecuteStatementInput, from cursor, out *api.ExecuteStatementOutput) (*cursor, error) {
	*out = api.ExecuteStatementOutput{Items: []item.Map{}}
	sel, err := p.Selection(&t.schema)
	if err != nil {
		return nil, err
	}
	if !decidedAs(m.c, t.table, sel) {
		return nil, errNoIndex
	}
	if err := m.admit(t.table, p.Index, false); err != nil {
		return nil, err
	}
	next, cost, err := t.read(t.rows, sel, from, int(opt.Value(in.Limit)), out)
	if err != nil {
		return nil, err
	}
	m.spend(t.table, p.Index, cost, false)
	out.ConsumedCapacity = consumed(in.ReturnConsumedCapacity, t.table, p.Table, cost)
	return next, nil
}

var errNoIndex = invalid("The table does not have the specified index")

// decidedAs reports whether the request was decided on as what the selection now turns out to be: a scan, or the partitions that it
// reads. It was not if its index was made since, or made anew with another key.
func decidedAs(c *pipeline.Call, t *table, s *plan.Selection) bool {
	if x := t.index(s.Index()); s.Index() != "" && (x == nil || x.Filling) {
		return false
	}
	rule, _ := c.Grant.RowRule(t.ID)
	if !s.Bounded {
		return rule.Scans()
	}
	for _, key := range s.Leading() {
		if !rule.Named(key) {
			return false
		}
	}
	return true
}

// read reads a page of a selection from the place, of at most limit items evaluated (0 is no limit), and returns where the
// next page begins; nil at the end.
func (t *table) read(rs item.Rows, sel *plan.Selection, from cursor, limit int, out *api.ExecuteStatementOutput) (*cursor, item.Cost, error) {
	var cost item.Cost
	scanned, bytes := 0, 0
	for i := from.part; i < sel.Parts(); i++ {
		q, err := sel.Part(i)
		if err != nil {
			return nil, cost, err
		}
		q.Start, q.Resume = from.last, from.pause
		from = cursor{}
		if limit > 0 {
			q.Limit = limit - scanned
		}
		if f, ok := rs.(*farRows); ok {
			f.about(q)
		}
		p, err := t.schema.Query(rs, q)
		if err != nil {
			return nil, cost, err
		}
		cost.Add(p.Cost)
		out.Items = append(out.Items, p.Items...)
		scanned, bytes = scanned+p.Scanned, bytes+p.Bytes
		switch {
		case p.Pause != nil:
			return &cursor{part: i, pause: p.Pause}, cost, nil
		case !p.Last.IsZero():
			out.LastEvaluatedKey = &p.Last
			return &cursor{part: i, last: p.Last}, cost, nil
		case i+1 < sel.Parts() && (limit > 0 && scanned >= limit || bytes >= item.MaxPage):
			return &cursor{part: i + 1}, cost, nil
		}
	}
	return nil, cost, nil
}

// tokenScope and boundTo bind a NextToken to the account, the region and the statement with its parameters.
func tokenScope(c *pipeline.Call) keyring.Scope {
	return keyring.Scope{Account: c.Account, Name: "dynamodb:ExecuteStatement"}
}

func boundTo(c *pipeline.Call, in *api.ExecuteStatementInput) []byte {
	about := []string{c.Region, *in.Statement}
	for _, v := range in.Parameters {
		about = append(about, string(v.AppendJSON(nil)))
	}
	return digest.Of(about...)
}

func (s *Service) sealCursor(c *pipeline.Call, in *api.ExecuteStatementInput, at *cursor) (*string, error) {
	var b []byte
	if at.pause != nil {
		b = append(binary.AppendUvarint(b, uint64(at.part+pausedParts)), at.pause...)
	} else {
		b = binary.AppendUvarint(b, uint64(at.part))
	}
	if !at.last.IsZero() {
		b = append(b, at.last.Stored()...)
	}
	sealed, err := s.ring.Seal(keyring.PagingToken, tokenScope(c), b, boundTo(c, in))
	if err != nil {
		return nil, err
	}
	text := base64.StdEncoding.EncodeToString(sealed)
	return &text, nil
}

func (s *Service) openCursor(c *pipeline.Call, in *api.ExecuteStatementInput) (cursor, error) {
	if in.NextToken == nil {
		return cursor{}, nil
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(*in.NextToken)
	if err != nil {
		return cursor{}, invalid("Invalid NextToken")
	}
	b, err := s.ring.Open(keyring.PagingToken, tokenScope(c), sealed, boundTo(c, in))
	if errors.Is(err, keyring.ErrOpen) {
		return cursor{}, invalid("Invalid NextToken")
	}
	if err != nil {
		return cursor{}, err
	}
	n, w := binary.Uvarint(b)
	if w <= 0 || n > plan.MaxPartitions+pausedParts {
		return cursor{}, invalid("Invalid NextToken")
	}
	if n >= pausedParts {
		return cursor{part: int(n - pausedParts), pause: b[w:]}, nil
	}
	at := cursor{part: int(n)}
	if len(b) > w {
		if at.last, err = item.Load(b[w:]); err != nil {
			return cursor{}, invalid("Invalid NextToken")
		}
	}
	return at, nil
}
