package app

import (
	"strings"
	"testing"
)

func TestFunctionSettings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(*Config)
		want string
	}{
		"none":               {func(*Config) {}, ""},
		"loopback":           {func(c *Config) { c.FunctionsEndpoint = "http://127.0.0.1:9001" }, ""},
		"TLS":                {func(c *Config) { c.FunctionsEndpoint = "https://lambda.us-east-1.amazonaws.com" }, ""},
		"plain HTTP":         {func(c *Config) { c.FunctionsEndpoint = "http://functions.internal" }, "plain HTTP"},
		"plain HTTP allowed": {func(c *Config) { c.FunctionsEndpoint, c.InsecureHTTP = "http://functions.internal", true }, ""},
		"no URL":             {func(c *Config) { c.FunctionsEndpoint = "localhost:9001" }, "not an http(s) URL"},
		"a user in the URL":  {func(c *Config) { c.FunctionsEndpoint = "https://u:p@host" }, "not an http(s) URL"},
		"trust":              {func(c *Config) { c.FunctionsTrust = []string{"000000000000=123456789012"} }, ""},
		"trust of nobody":    {func(c *Config) { c.FunctionsTrust = []string{"123456789012"} }, "not ACCOUNT=OTHER"},
		"half a key":         {func(c *Config) { c.FunctionsAccessKeyID = "AKIA" }, "go together"},
		"no region":          {func(c *Config) { c.FunctionsRegion = "moon" }, "not the name of a region"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := DefaultConfig()
			tc.set(&c)
			err := c.Validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "u:p@") {
				t.Errorf("%v shows a password", err)
			}
		})
	}
}
