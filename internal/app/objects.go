package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/bulkhead/bulkhead/internal/awsclient"
	"github.com/bulkhead/bulkhead/internal/objects"
)

// objectsFolder is where objects are, below the data directory, unless the configuration says otherwise.
const objectsFolder = "objects"

// outsideObjects reports whether objects are in an outside storage.
func (c *Config) outsideObjects() bool {
	return strings.HasPrefix(c.Objects, "https://") || strings.HasPrefix(c.Objects, "http://")
}

// objects is where the files of exports and imports are.
func (a *App) objects(ctx context.Context) (objects.Store, error) {
	c := &a.config
	if !c.outsideObjects() {
		dir := c.Objects
		if dir == "" {
			dir = filepath.Join(c.Data, objectsFolder)
		}
		d, err := objects.OpenDir(dir)
		if err != nil {
			return nil, err
		}
		a.onClose(func(context.Context) error { return d.Close() })
		return d, nil
	}
	buckets, err := c.objectsBuckets()
	if err != nil {
		return nil, err
	}
	return objects.NewS3(ctx, objects.S3Config{
		Endpoint: awsclient.Endpoint{
			URL: c.Objects, Region: cmp.Or(c.ObjectsRegion, c.Region),
			AccessKeyID: c.ObjectsAccessKeyID, SecretAccessKey: c.ObjectsSecretAccessKey, SessionToken: c.ObjectsSessionToken,
		},
		Account: c.Account, Buckets: buckets,
	})
}

// objectsBuckets reads which accounts hold which buckets.
func (c *Config) objectsBuckets() (map[string]string, error) {
	held := map[string]string{}
	for _, pair := range c.ObjectsBuckets {
		account, bucket, ok := strings.Cut(pair, "=")
		if !ok || !accountPattern.MatchString(account) || objects.CheckBucket(bucket) != nil {
			return nil, fmt.Errorf("--objects-bucket %q is not ACCOUNT=BUCKET", pair)
		}
		if other, twice := held[bucket]; twice && other != account {
			return nil, fmt.Errorf("--objects-bucket gives the bucket %s to two accounts", bucket)
		}
		held[bucket] = account
	}
	return held, nil
}

// validateObjects refuses a storage to which rows would go in plain text through a network.
func (c *Config) validateObjects() error {
	if (c.ObjectsAccessKeyID == "") != (c.ObjectsSecretAccessKey == "") {
		return errors.New("BULKHEAD_OBJECTS_ACCESS_KEY_ID and BULKHEAD_OBJECTS_SECRET_ACCESS_KEY go together")
	}
	if c.ObjectsRegion != "" && !regionPattern.MatchString(c.ObjectsRegion) {
		return fmt.Errorf("--objects-region %q is not the name of a region such as us-east-1", c.ObjectsRegion)
	}
	if _, err := c.objectsBuckets(); err != nil {
		return err
	}
	if !c.outsideObjects() {
		if len(c.ObjectsBuckets) > 0 || c.ObjectsRegion != "" {
			return errors.New("--objects-bucket and --objects-region are for an outside storage: in a directory, each account has a folder of its own")
		}
		if strings.Contains(c.Objects, "://") {
			return fmt.Errorf("--objects %q is neither a directory nor an http(s) URL", c.Objects)
		}
		return nil
	}
	u, err := url.Parse(c.Objects)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("--objects is not an http(s) URL without user and query")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) && !c.InsecureHTTP {
		return fmt.Errorf("--objects %s is plain HTTP on another machine: use https, or accept it with --insecure-http", c.Objects)
	}
	return nil
}
