package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/bulkhead/bulkhead/internal/awsclient"
	"github.com/bulkhead/bulkhead/internal/tableengine"
	"github.com/bulkhead/bulkhead/service/dynamodb"
)

// tables is the outside table engine; nil if there is none.
func (a *App) tables(ctx context.Context) (dynamodb.Engine, error) {
	c := &a.config
	if c.Tables == "" {
		return nil, nil
	}
	return tableengine.New(ctx, tableengine.Config{
		Endpoint: awsclient.Endpoint{
			URL: c.Tables, Region: cmp.Or(c.TablesRegion, c.Region),
			AccessKeyID: c.TablesAccessKeyID, SecretAccessKey: c.TablesSecretAccessKey, SessionToken: c.TablesSessionToken,
		},
		Observe: a.metrics.observeTables,
	})
}

// validateTables refuses an engine to which rows would go in plain text through a network.
func (c *Config) validateTables() error {
	if (c.TablesAccessKeyID == "") != (c.TablesSecretAccessKey == "") {
		return errors.New("BULKHEAD_TABLES_ACCESS_KEY_ID and BULKHEAD_TABLES_SECRET_ACCESS_KEY go together")
	}
	if c.TablesRegion != "" && !regionPattern.MatchString(c.TablesRegion) {
		return fmt.Errorf("--tables-region %q is not the name of a region such as us-east-1", c.TablesRegion)
	}
	if c.Tables == "" {
		return nil
	}
	u, err := url.Parse(c.Tables)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("--tables is not an http(s) URL without user and query")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) && !c.InsecureHTTP {
		return fmt.Errorf("--tables %s is plain HTTP on another machine: use https, or accept it with --insecure-http", c.Tables)
	}
	return nil
}
