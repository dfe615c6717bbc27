package kvtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bulkhead/bulkhead/internal/kv"
)

const registers = 3

type state [registers]int

// call is one transaction of the history.
type call struct {
	kind opKind
	reg  int
	to   int // the register a move adds to
	arg  int // the value a write sets
}

type opKind int

const (
	readOne  opKind = iota // value of reg
	writeOne               // reg = arg
	addOne                 // reg++, returns the new value
	move                   // reg--, to++, returns both
	sumAll                 // range sum in a View
	readAll                // all registers in an Update
)

func register(i int) string { return fmt.Sprintf("reg/%d", i) }

// model is what the transactions do if they run one after the other.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		st, c, got := s.(state), in.(call), out.(state)
		want := step(&st, c)
		return got == want, st
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %v", in, out) },
}

// step applies c and returns its answer.
func step(s *state, c call) state {
	var answer state
	switch c.kind {
	case readOne:
		answer[0] = s[c.reg]
	case writeOne:
		s[c.reg] = c.arg
	case addOne:
		s[c.reg]++
		answer[0] = s[c.reg]
	case move:
		s[c.reg]--
		s[c.to]++
		answer[0], answer[1] = s[c.reg], s[c.to]
	case sumAll:
		for _, v := range s {
			answer[0] += v
		}
	case readAll:
		answer = *s
	}
	return answer
}

// perform runs c on the store and returns its answer.
func perform(ctx context.Context, db kv.DB, c call) (answer state, err error) {
	switch c.kind {
	case readOne:
		err = db.View(ctx, func(r kv.Reader) error {
			answer[0], err = counter(r, register(c.reg))
			return err
		})
	case sumAll:
		err = db.View(ctx, func(r kv.Reader) error {
			all, err := loadRange(r)
			answer = state{}
			for _, v := range all {
				answer[0] += v
			}
			return err
		})
	default:
		err = db.Update(ctx, func(tx kv.Tx) error {
			before, err := loadFor(tx, c)
			if err != nil {
				return err
			}
			after := before
			answer = step(&after, c)
			for i := range after {
				if after[i] == before[i] && (c.kind != writeOne || i != c.reg) {
					continue
				}
				if err := setCounter(tx, register(i), after[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return answer, err
}

// loadFor reads only the registers that c depends on, so that conflicts are those of c.
func loadFor(tx kv.Tx, c call) (s state, err error) {
	switch c.kind {
	case readAll:
		return loadRange(tx)
	case addOne:
		s[c.reg], err = counter(tx, register(c.reg))
	case move:
		if s[c.reg], err = counter(tx, register(c.reg)); err == nil {
			s[c.to], err = counter(tx, register(c.to))
		}
	}
	return s, err
}

func loadRange(r kv.Reader) (s state, err error) {
	var parse error
	err = r.Scan(kv.Prefix([]byte("reg/")), func(k, v []byte) bool {
		var i, n int
		if _, parse = fmt.Sscanf(string(k), "reg/%d", &i); parse == nil {
			if _, parse = fmt.Sscanf(string(v), "%d", &n); parse == nil {
				s[i] = n
			}
		}
		return parse == nil
	})
	return s, firstError(err, parse)
}

// linearizable records a history of concurrent transactions and has porcupine find an order that explains it.
func linearizable(t *testing.T, db kv.DB) {
	const clients, calls = 5, 40
	start := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	hammer(t, clients, calls, func(ctx context.Context, client, i int) error {
		c := call{kind: opKind(rand.IntN(6)), reg: rand.IntN(registers), arg: rand.IntN(100)}
		c.to = (c.reg + 1) % registers
		from := time.Since(start)
		answer, err := perform(ctx, db, c)
		to := time.Since(start)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{ClientId: client, Input: c, Call: int64(from), Output: answer, Return: int64(to)})
		return nil
	})
	switch porcupine.CheckOperationsTimeout(model, history, time.Minute) {
	case porcupine.Illegal:
		for _, op := range history {
			t.Logf("client %d [%d, %d] %s", op.ClientId, op.Call, op.Return, model.DescribeOperation(op.Input, op.Output))
		}
		t.Error("no order of the transactions explains what they saw")
	case porcupine.Unknown:
		t.Error("no answer in a minute, where milliseconds are the rule: make the history shorter")
	}
}
