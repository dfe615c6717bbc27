package kv

import (
	"context"
	"fmt"
	"time"
)

// Format is the version of what a store holds, from the layout of keys to the records of services. Backends mark a store with it.
// It rises when a program of the version before would refuse what this one writes, or would pass over what protects it; this one
// reads what all versions from 1 on wrote.
//
//	1  the first
//	2  logs of changes keep the time of their newest; tables have KMS keys of their own, earlier guards and streams with policies
const Format = 2

// Marked is implemented by a DB whose mark other processes may raise while it is open.
type Marked interface {
	// CheckMark reads the mark again. Once it is none that this program knows, the error of that is the error of every later call.
	CheckMark(ctx context.Context) error
}

// MarkNotice is how long who raises the mark of a store waits before anything is written: users of a Marked call CheckMark more often.
const MarkNotice = 2 * time.Second

// CheckFormat says whether a store that is marked with the version can be opened, and whether the mark is to be raised to Format
// before anything is written.
func CheckFormat(version int) (raise bool, err error) {
	switch {
	case version > Format:
		return false, fmt.Errorf("the store has format version %d, and this program knows none after %d: a newer Bulkhead wrote to it, so start that one",
			version, Format)
	case version < 1:
		return false, fmt.Errorf("the store has format version %d, which no Bulkhead wrote", version)
	}
	return version < Format, nil
}
