// Package streamid writes and reads the names that clients have for places in a stream: ids of shards, sequence numbers and shard
// iterators. None is a secret or a capability: what one names is authorized anew at each use, and one that somebody made up leads
// nowhere else than those lead that the server gives.
//
// It is pure: of the service it imports nothing, of the module only faults.
package streamid

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// Ids of shards are the time of their span and the part, sequence numbers have at least 21 digits (API reference,
// "DynamoDB Streams: Shard", "StreamRecord").
const (
	shardPrefix   = "shardId-"
	sequenceBase  = "1"
	sequenceWidth = 20
)

// Shard is the id of the shard that shows one part of the changes, from 0 to 9, since its span began, told to the millisecond.
func Shard(began time.Time, part int) string {
	ms := strconv.FormatInt(began.UnixMilli(), 10)
	return shardPrefix + strings.Repeat("0", sequenceWidth-len(ms)) + ms + "-0000000" + strconv.Itoa(part)
}

// Sequence is the sequence number of a change by the number that it has in its part. Sequence numbers sort as the numbers do.
func Sequence(n uint64) string {
	text := strconv.FormatUint(n, 10)
	return sequenceBase + strings.Repeat("0", sequenceWidth-len(text)) + text
}

// ParseSequence reads what Sequence wrote.
func ParseSequence(text string) (uint64, bool) {
	rest, ok := strings.CutPrefix(text, sequenceBase)
	if !ok || len(rest) != sequenceWidth {
		return 0, false
	}
	n, err := strconv.ParseUint(rest, 10, 64)
	return n, err == nil
}

// Iterator is a place in a shard.
type Iterator struct {
	ARN   string    // of the stream
	Began time.Time // of the shard's span, to the millisecond
	Part  int       // from 0
	Next  uint64    // the number of the change that is read next
	Made  time.Time // to the millisecond
}

// iteratorSize is the length of what follows the ARN: Began, Part, Next, Made.
const iteratorSize = 8 + 1 + 8 + 8

// String is the iterator as clients hold it: the ARN, a version and the place.
func (it *Iterator) String() string {
	b := make([]byte, 0, iteratorSize)
	b = binary.BigEndian.AppendUint64(b, uint64(it.Began.UnixMilli()))
	b = append(b, byte(it.Part))
	b = binary.BigEndian.AppendUint64(b, it.Next)
	b = binary.BigEndian.AppendUint64(b, uint64(it.Made.UnixMilli()))
	return it.ARN + "|1|" + base64.StdEncoding.EncodeToString(b)
}

// ParseIterator reads what String wrote, of a stream whose changes have so many parts. What it did not write is a fault of the request,
// or a place that somebody made up.
func ParseIterator(text string, parts int) (*Iterator, error) {
	arn, rest, ok := strings.Cut(text, "|1|")
	b, err := base64.StdEncoding.Strict().DecodeString(rest)
	if !ok || err != nil || len(b) != iteratorSize || int(b[8]) >= parts {
		return nil, fault.New(fault.Validation, "Invalid ShardIterator")
	}
	at := func(b []byte) time.Time { return time.UnixMilli(int64(binary.BigEndian.Uint64(b))) }
	return &Iterator{ARN: arn, Began: at(b), Part: int(b[8]), Next: binary.BigEndian.Uint64(b[9:]), Made: at(b[17:])}, nil
}
