package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/bulkhead/bulkhead/internal/awsclient"
	"github.com/bulkhead/bulkhead/internal/functions"
)

// functions is what invokes triggers: the endpoint within limits, or none.
func (a *App) functions(ctx context.Context) (functions.Invoker, error) {
	c := &a.config
	if c.FunctionsEndpoint == "" {
		return functions.None{}, nil
	}
	to, err := functions.NewLambda(ctx, awsclient.Endpoint{
		URL: c.FunctionsEndpoint, Region: cmp.Or(c.FunctionsRegion, c.Region),
		AccessKeyID: c.FunctionsAccessKeyID, SecretAccessKey: c.FunctionsSecretAccessKey, SessionToken: c.FunctionsSessionToken,
	})
	if err != nil {
		return nil, err
	}
	trust, err := c.functionsTrust()
	if err != nil {
		return nil, err
	}
	return functions.NewCaller(to, functions.Limits{}, trust), nil
}

// functionsTrust reads the pairs ACCOUNT=OTHER.
func (c *Config) functionsTrust() (map[string][]string, error) {
	trust := map[string][]string{}
	for _, pair := range c.FunctionsTrust {
		account, other, ok := strings.Cut(pair, "=")
		if !ok || !accountPattern.MatchString(account) || !accountPattern.MatchString(other) {
			return nil, fmt.Errorf("--functions-trust %q is not ACCOUNT=OTHER with two account ids of 12 digits", pair)
		}
		trust[account] = append(trust[account], other)
	}
	return trust, nil
}

// validateFunctions refuses an endpoint to which passwords would go in plain text through a network.
func (c *Config) validateFunctions() error {
	if _, err := c.functionsTrust(); err != nil {
		return err
	}
	if (c.FunctionsAccessKeyID == "") != (c.FunctionsSecretAccessKey == "") {
		return errors.New("BULKHEAD_FUNCTIONS_ACCESS_KEY_ID and BULKHEAD_FUNCTIONS_SECRET_ACCESS_KEY go together")
	}
	if c.FunctionsRegion != "" && !regionPattern.MatchString(c.FunctionsRegion) {
		return fmt.Errorf("--functions-region %q is not the name of a region such as us-east-1", c.FunctionsRegion)
	}
	if c.FunctionsEndpoint == "" {
		return nil
	}
	u, err := url.Parse(c.FunctionsEndpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("--functions-endpoint is not an http(s) URL without user and query")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) && !c.InsecureHTTP {
		return fmt.Errorf("--functions-endpoint %s is plain HTTP on another machine, and events can hold passwords: use https, or "+
			"accept it with --insecure-http", c.FunctionsEndpoint)
	}
	return nil
}
