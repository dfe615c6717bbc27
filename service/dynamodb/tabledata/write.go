package tabledata

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
)

// AppendItem appends the line that a full export has for an item, with its end. It is a record that a Reader of DYNAMODB_JSON reads.
func AppendItem(b []byte, m item.Map) []byte {
	return append(m.AppendJSON(append(b, `{"Item":`...)), "}\n"...)
}

// Change is what an incremental export tells of a row.
type Change struct {
	// At is when the row was last written, told to the microsecond.
	At time.Time
	// Key is the key of the row.
	Key item.Map
	// New and Old are the row after and before the period; the zero map is one that was not there, or is not to be shown.
	New, Old item.Map
}

// AppendChange appends the line that an incremental export has for a row that changed, with its end.
func AppendChange(b []byte, c *Change) []byte {
	b = append(b, `{"Metadata":{"WriteTimestampMicros":{"N":"`...)
	b = strconv.AppendInt(b, c.At.UnixMicro(), 10)
	b = c.Key.AppendJSON(append(b, `"}},"Keys":`...))
	if !c.New.IsZero() {
		b = c.New.AppendJSON(append(b, `,"NewImage":`...))
	}
	if !c.Old.IsZero() {
		b = c.Old.AppendJSON(append(b, `,"OldImage":`...))
	}
	return append(b, "}\n"...)
}

// File is a file of an export, as the manifest tells it.
type File struct {
	Items int64  `json:"itemCount"`
	MD5   string `json:"md5Checksum"` // in base64, of the file as it lies in the bucket
	ETag  string `json:"etag"`
	Key   string `json:"dataFileS3Key"`
}

// List is the content of manifest-files.json: a line for each file.
func List(files []File) ([]byte, error) {
	var list bytes.Buffer
	lines := json.NewEncoder(&list)
	lines.SetEscapeHTML(false)
	for i := range files {
		if err := lines.Encode(&files[i]); err != nil {
			return nil, err
		}
	}
	return list.Bytes(), nil
}

// Summary is the content of manifest-summary.json, in JSON. Times are as Stamp writes them.
type Summary struct {
	Version          string  `json:"version"`
	ExportARN        string  `json:"exportArn"`
	StartTime        string  `json:"startTime"`
	EndTime          string  `json:"endTime"`
	TableARN         string  `json:"tableArn"`
	TableID          string  `json:"tableId"`
	ExportTime       string  `json:"exportTime,omitempty"` // of a full export
	ExportFromTime   string  `json:"exportFromTime,omitempty"`
	ExportToTime     string  `json:"exportToTime,omitempty"`
	Bucket           string  `json:"s3Bucket"`
	Prefix           *string `json:"s3Prefix"`
	SSEAlgorithm     *string `json:"s3SseAlgorithm"`
	SSEKeyID         *string `json:"s3SseKmsKeyId"`
	ManifestFilesKey string  `json:"manifestFilesS3Key"`
	BilledSizeBytes  int64   `json:"billedSizeBytes"`
	ItemCount        int64   `json:"itemCount"`
	OutputFormat     string  `json:"outputFormat"`
	OutputView       string  `json:"outputView,omitempty"`
	ExportType       string  `json:"exportType"`
}

// Stamp is how manifests tell times: in UTC, to the millisecond.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
