package cognitoidp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const (
	// UploadPath is where files of import jobs are sent to, followed by "/<pool>/<job>".
	UploadPath = "/-/api/v1/user-imports"
	// MaxImportFile bounds a file, in bytes: some 100,000 users.
	MaxImportFile = 16 << 20
	// uploadLife is how long a URL can be used ("Creating and running the user pool import job").
	uploadLife = 15 * time.Minute
	// partSize is how much of a file one record holds.
	partSize = 256 << 10
	// importQueue begins the directory's records of jobs that there is work for.
	importQueue = "import"
)

// ErrUpload is returned for an upload that no URL of this server allows: another job's, one too late, one used before.
var ErrUpload = errors.New("cognitoidp: the URL does not allow this upload")

// upload is what a URL allows: one file for one job, until a time.
type upload struct {
	Job     string
	Expires time.Time
}

func partKey(pool, job string, n int) store.Key {
	return userpool.InPool(pool, "import-part", job, fmt.Sprintf("%06d", n))
}

func queueKey(p *userpool.Pool, job string) store.Key {
	return store.K(importQueue, p.Account, p.Region, p.ID, job)
}

// uploadURL is where the job's file is to be sent to, with PUT. It is of the server that the caller reached, which the
// signed Host header names.
func (c *scoped) uploadURL(j *importJob) (string, error) {
	text, err := json.Marshal(upload{j.ID, j.Created.Add(uploadLife)})
	if err != nil {
		return "", fault.Wrap(err, "encode an upload")
	}
	sealed, err := c.Keyring.Seal(keyring.ImportUpload, c.Pool.Scope(), text, []byte(j.ID))
	if err != nil {
		return "", fault.Wrap(err, "seal an upload")
	}
	u := url.URL{
		Scheme: "http", Host: c.Call.Host, Path: UploadPath + "/" + c.Pool.ID + "/" + j.ID,
		RawQuery: "token=" + base64.RawURLEncoding.EncodeToString(sealed),
	}
	if c.Call.Secure {
		u.Scheme = "https"
	}
	return u.String(), nil
}

// UploadAllowed returns the pool whose job a token of an upload URL is for, or ErrUpload.
func (s *Service) UploadAllowed(ctx context.Context, poolID, job, token string, now time.Time) (tokens.Site, error) {
	p, err := s.FactsOf(ctx, poolID)
	if err != nil {
		return tokens.Site{}, err
	}
	if p == nil {
		return tokens.Site{}, ErrUpload
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return tokens.Site{}, ErrUpload
	}
	text, err := s.Keyring.Open(keyring.ImportUpload, p.Scope(), sealed, []byte(job))
	if err != nil {
		return tokens.Site{}, ErrUpload
	}
	var u upload
	if err := json.Unmarshal(text, &u); err != nil {
		return tokens.Site{}, fault.Wrap(err, "read an upload")
	}
	if u.Job != job || !now.Before(u.Expires) {
		return tokens.Site{}, ErrUpload
	}
	return tokens.Site{Account: p.Account, Region: p.Region, ID: p.ID, Issuer: s.IssuerOf(p)}, nil
}

// Upload keeps the file of an import job, sealed: it is a list of people. A URL is used once, before the job is started.
func (s *Service) Upload(ctx context.Context, poolID, job, token string, file []byte, now time.Time) error {
	if _, err := s.UploadAllowed(ctx, poolID, job, token, now); err != nil {
		return err
	}
	if len(file) == 0 || len(file) > MaxImportFile {
		return ErrUpload
	}
	p, err := s.FactsOf(ctx, poolID)
	if err != nil || p == nil {
		return errors.Join(err, ErrUpload)
	}
	var parts [][]byte
	for rest := file; len(rest) > 0; rest = rest[min(partSize, len(rest)):] {
		k := partKey(p.ID, job, len(parts))
		sealed, err := s.Keyring.Seal(keyring.ImportFile, p.Scope(), rest[:min(partSize, len(rest))], []byte(k))
		if err != nil {
			return fault.Wrap(err, "seal a file")
		}
		parts = append(parts, sealed)
	}
	return system.Update(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error { return receive(tx, p, job, parts, now) })
}

func receive(tx *store.Tx, p *userpool.Pool, job string, parts [][]byte, now time.Time) error {
	rec, err := tx.Records(p.Account, p.Region)
	if err != nil {
		return err
	}
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	j, err := store.Load[importJob](rec, importKey(p.ID, job))
	if err != nil {
		return err
	}
	if j == nil || p.Gone(rec) || j.Parts > 0 || j.status(now) != api.UserImportJobStatusTypeCreated {
		return ErrUpload
	}
	for i, b := range parts {
		if err := rec.Set(partKey(p.ID, job, i), b); err != nil {
			return err
		}
	}
	j.Parts = len(parts)
	return errors.Join(store.Save(rec, importKey(p.ID, job), j), dir.Set(queueKey(p, job), nil))
}

// fileOf puts the file of a job together.
func (s *Service) fileOf(rec *store.Records, p *userpool.Pool, j *importJob) ([]byte, error) {
	var file []byte
	for i := range j.Parts {
		k := partKey(p.ID, j.ID, i)
		sealed, found, err := rec.Get(k)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, errors.New("cognitoidp: a part of an import file is gone")
		}
		part, err := s.Keyring.Open(keyring.ImportFile, p.Scope(), sealed, []byte(k))
		if err != nil {
			return nil, fault.Wrap(err, "open a file")
		}
		file = append(file, part...)
	}
	return file, nil
}

// dropFile takes the file away.
func dropFile(rec *store.Records, p *userpool.Pool, j *importJob) error {
	for i := range j.Parts {
		if err := rec.Delete(partKey(p.ID, j.ID, i)); err != nil {
			return err
		}
	}
	j.Parts = 0
	return nil
}
