package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/bulkhead/bulkhead/internal/app"
)

// envPrefix begins the environment variable of each setting: --tls-cert is BULKHEAD_TLS_CERT.
const envPrefix = "BULKHEAD_"

// serverFlags binds the settings of a server. Secrets have no flag, since command lines are seen by others.
func serverFlags(f *pflag.FlagSet, c *app.Config) {
	f.StringVar(&c.Listen, "listen", c.Listen, "address to serve on")
	f.StringVar(&c.Data, "data", c.Data, "directory of keys, root credentials and the embedded store")
	f.StringVar(&c.Store, "store", c.Store, "pebble, memory (gone when the server stops) or postgres://…")
	f.StringVar(&c.StoreCache, "store-cache", c.StoreCache,
		"how much of the embedded store's rows is kept in memory, e.g. 512MiB; an eighth of the memory there is if empty, 64MiB to 1GiB")
	f.StringVar(&c.TLSCert, "tls-cert", c.TLSCert, "PEM file of the certificate chain")
	f.StringVar(&c.TLSKey, "tls-key", c.TLSKey, "PEM file of the private key")
	f.BoolVar(&c.InsecureHTTP, "insecure-http", c.InsecureHTTP, "allow plain HTTP on an address that is not loopback")
	f.StringVar(&c.Region, "region", c.Region, "region of unsigned requests")
	f.StringVar(&c.Account, "account", c.Account, "id of the default account, used at the first start")
	f.StringSliceVar(&c.TenantTags, "tenant-tag", c.TenantTags, "principal tags that name the tenant")
	f.StringVar(&c.TenantPattern, "tenant-pattern", c.TenantPattern, "form of tenant ids (RE2)")
	f.StringVar(&c.LoginSuffix, "login-suffix", c.LoginSuffix, "suffix of user pools' domains: PREFIX.auth.REGION.SUFFIX")
	f.StringVar(&c.TenantDomain, "tenant-domain", c.TenantDomain, "host at which users find their tenant's sign-in, and below which each subdomain is a tenant's")
	f.StringSliceVar(&c.LoginDomains, "login-domain", c.LoginDomains, "ACCOUNT=DOMAIN: user pools of the account may use the domain and those below it")
	f.StringVar(&c.IssuerURL, "issuer-url", c.IssuerURL, "base URL of token issuers; AWS's form if empty")
	f.StringVar(&c.FunctionsEndpoint, "functions-endpoint", c.FunctionsEndpoint,
		"URL of a Lambda Invoke API that runs the triggers of user pools: AWS's or a runtime emulator's")
	f.StringVar(&c.FunctionsRegion, "functions-region", c.FunctionsRegion, "region of the signatures for it; --region if empty")
	f.StringSliceVar(&c.FunctionsTrust, "functions-trust", c.FunctionsTrust,
		"pairs ACCOUNT=OTHER: pools of ACCOUNT may have functions of the account OTHER as triggers")
	f.StringVar(&c.Tables, "tables", c.Tables, "URL of an outside table engine (DynamoDB, ScyllaDB Alternator …) that keeps the rows of tables; the store if empty")
	f.StringVar(&c.TablesRegion, "tables-region", c.TablesRegion, "region of the signatures for it; --region if empty")
	f.StringVar(&c.Objects, "objects", c.Objects,
		"where exports and imports of tables have their buckets: a directory (DIR/ACCOUNT/BUCKET; DATA/objects if empty), or the URL of an S3-compatible storage, e.g. https://minio.internal:9000")
	f.StringVar(&c.ObjectsRegion, "objects-region", c.ObjectsRegion, "region of the signatures for that storage; --region if empty")
	f.StringSliceVar(&c.ObjectsBuckets, "objects-bucket", c.ObjectsBuckets,
		"ACCOUNT=BUCKET: the account that may use the bucket of that storage; all others are the default account's")
	f.StringVar(&c.Audit, "audit", c.Audit, "async: data events are durable within 100 ms; strict: before the answer")
	f.StringVar(&c.NodeID, "node-id", c.NodeID, "name of this node among several on one store; the host name if empty")
	f.BoolVar(&c.AllowPrivateIssuers, "allow-private-issuers", c.AllowPrivateIssuers,
		"let outside OIDC issuers be at private or loopback addresses")
	f.BoolVar(&c.EnforceThroughput, "enforce-throughput", c.EnforceThroughput,
		"refuse requests beyond the provisioned or maximum capacity of tables and indexes; each node counts for itself")
	mailFlags(f, &c.MailSettings)
	f.StringSliceVar(&c.TrustedProxies, "trusted-proxies", c.TrustedProxies,
		"networks (10.0.0.0/8) of proxies whose X-Forwarded-For and X-Forwarded-Proto say who the client is")
	f.StringVar(&c.OpsListen, "ops-listen", c.OpsListen,
		"address that serves /-/metrics to operators; without it they are on the main address, for this machine only")
	f.StringVar(&c.OTLPEndpoint, "otlp-endpoint", c.OTLPEndpoint, "URL that traces are sent to by OTLP over HTTP")
	f.StringVar(&c.LogLevel, "log-level", c.LogLevel, "debug, info, warn or error")
	f.StringVar(&c.LogFormat, "log-format", c.LogFormat, "text or json")
	f.DurationVar(&c.DrainTimeout, "drain-timeout", c.DrainTimeout, "how long requests may run on after SIGTERM")
	f.String("config", "", "YAML file of settings, named as the flags are")
}

// mailFlags binds the settings of delivery.
func mailFlags(f *pflag.FlagSet, m *app.MailSettings) {
	f.StringVar(&m.Mail, "mail", m.Mail, "how mail to users goes out: mailbox (see 'bulkhead mail'), smtp://[user@]host[:port], smtps://…, or the https://… URL of a hook")
	f.StringVar(&m.SMS, "sms", m.SMS, "how text messages go out: mailbox or the https://… URL of a hook")
	f.StringVar(&m.MailFrom, "mail-from", m.MailFrom, "sender of mail whose pool names none")
	f.StringSliceVar(&m.MailDomains, "mail-domains", m.MailDomains, "domains that pools may send in the name of, beside that of --mail-from")
	f.StringVar(&m.MailSecretFile, "mail-secret-file", m.MailSecretFile, "file of the SMTP password or the hook's secret (or BULKHEAD_MAIL_SECRET)")
	f.StringVar(&m.SMSSecretFile, "sms-secret-file", m.SMSSecretFile, "file of the SMS hook's secret (or BULKHEAD_SMS_SECRET)")
	f.StringVar(&m.MailCA, "mail-ca", m.MailCA, "PEM file of the authorities that vouch for the mail server and hooks; the system's if empty")
	f.IntVar(&m.MailPerPool, "mail-per-pool", m.MailPerPool, "messages a minute that one user pool may send; 0 is no limit")
}

// secretsFromEnv reads the settings that only the environment may hold.
func secretsFromEnv(c *app.Config) {
	c.RootKey = os.Getenv(envPrefix + "ROOT_KEY")
	c.MailSecret, c.SMSSecret = os.Getenv(envPrefix+"MAIL_SECRET"), os.Getenv(envPrefix+"SMS_SECRET")
	c.RootAccessKeyID = os.Getenv(envPrefix + "ROOT_ACCESS_KEY_ID")
	c.RootSecretAccessKey = os.Getenv(envPrefix + "ROOT_SECRET_ACCESS_KEY")
	c.FunctionsAccessKeyID = os.Getenv(envPrefix + "FUNCTIONS_ACCESS_KEY_ID")
	c.FunctionsSecretAccessKey = os.Getenv(envPrefix + "FUNCTIONS_SECRET_ACCESS_KEY")
	c.TablesAccessKeyID = os.Getenv(envPrefix + "TABLES_ACCESS_KEY_ID")
	c.TablesSecretAccessKey = os.Getenv(envPrefix + "TABLES_SECRET_ACCESS_KEY")
	c.TablesSessionToken = os.Getenv(envPrefix + "TABLES_SESSION_TOKEN")
	c.ObjectsAccessKeyID = os.Getenv(envPrefix + "OBJECTS_ACCESS_KEY_ID")
	c.ObjectsSecretAccessKey = os.Getenv(envPrefix + "OBJECTS_SECRET_ACCESS_KEY")
	c.ObjectsSessionToken = os.Getenv(envPrefix + "OBJECTS_SESSION_TOKEN")
	c.FunctionsSessionToken = os.Getenv(envPrefix + "FUNCTIONS_SESSION_TOKEN")
}

// settle gives each flag that was not on the command line its value from the environment, else from the file.
func settle(cmd *cobra.Command) error {
	flags := cmd.Flags()
	file, err := readSettings(flags)
	if err != nil {
		return usageError{err}
	}
	var bad error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || bad != nil {
			return
		}
		from := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(from)
		if !ok {
			value, ok = file[f.Name]
			from = "config file"
		}
		if !ok {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			bad = usageError{fmt.Errorf("%s: setting %s: %w", from, f.Name, err)}
		}
	})
	return bad
}

// readSettings reads the file that --config or BULKHEAD_CONFIG names. Unknown settings are refused.
func readSettings(flags *pflag.FlagSet) (map[string]string, error) {
	name := flags.Lookup("config").Value.String()
	if name == "" {
		name = os.Getenv(envPrefix + "CONFIG")
	}
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, fmt.Errorf("read config file: %w", err)
	}
	var raw map[string]any
	if err := yaml.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("config file %s: %w", name, err)
	}
	settings := map[string]string{}
	for k, v := range raw {
		if flags.Lookup(k) == nil || k == "config" {
			return nil, fmt.Errorf("config file %s: there is no setting %q; 'bulkhead serve --help' lists them", name, k)
		}
		list, isList := v.([]any)
		if !isList {
			settings[k] = fmt.Sprint(v)
			continue
		}
		var parts []string
		for _, p := range list {
			parts = append(parts, fmt.Sprint(p))
		}
		settings[k] = strings.Join(parts, ",")
	}
	return settings, nil
}
