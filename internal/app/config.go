// Package app puts the server together: store, keys, identity, services and the pipeline, from one configuration.
package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// Config is everything that can be set. Its zero value is not valid; begin with DefaultConfig.
type Config struct {
	// Listen is the address to serve on, host:port.
	Listen string
	// Data is the directory of the root key, the root credentials and the embedded store.
	Data string
	// Store is "pebble", "memory" or a postgres:// URL.
	Store string
	// StoreCache is how much of the embedded store's blocks is kept in memory, with a unit ("512MiB"); "" is an eighth of the memory
	// that the process may use, 64 MiB to 1 GiB.
	StoreCache string
	// TLSCert and TLSKey are PEM files; both or none.
	TLSCert, TLSKey string
	// InsecureHTTP permits plain HTTP on an address that is not loopback.
	InsecureHTTP bool
	// Region is the region of unsigned requests and of the server's own names.
	Region string
	// Account is the 12-digit id of the default account, made at the first start.
	Account string
	// TenantTags are the principal tags that name the tenant, the first present one counts.
	TenantTags []string
	// TenantPattern is the language of tenant ids, RE2.
	TenantPattern string
	// IssuerURL is the base of token issuers; "" gives them AWS's form.
	IssuerURL string
	// FunctionsEndpoint is the URL of a Lambda Invoke API, where triggers go; "" invokes none. FunctionsRegion is the
	// region of its signatures, "" is Region.
	FunctionsEndpoint, FunctionsRegion string
	// FunctionsTrust are pairs ACCOUNT=OTHER: triggers of pools in ACCOUNT may be functions of OTHER.
	FunctionsTrust []string
	// FunctionsAccessKeyID, FunctionsSecretAccessKey and FunctionsSessionToken sign invocations, from the environment only;
	// "" takes the AWS SDK's default chain.
	FunctionsAccessKeyID, FunctionsSecretAccessKey, FunctionsSessionToken string
	// Tables is the URL of an outside table engine, any DynamoDB-compatible endpoint, which keeps the rows of tables; "" keeps them
	// in Store. TablesRegion is the region of its signatures, "" is Region.
	Tables, TablesRegion string
	// TablesAccessKeyID, TablesSecretAccessKey and TablesSessionToken sign the requests to it, from the environment only; "" takes
	// the AWS SDK's default chain.
	TablesAccessKeyID, TablesSecretAccessKey, TablesSessionToken string
	// Objects is where the files of exports and imports of tables are: a directory with a folder for each account and bucket, or the
	// URL of an outside storage that speaks S3's API; "" is the directory objects in Data. ObjectsRegion is the region of the
	// storage's signatures, "" is Region.
	Objects, ObjectsRegion string
	// ObjectsBuckets are pairs ACCOUNT=BUCKET: who holds which bucket of an outside storage. All others are the default account's.
	ObjectsBuckets []string
	// ObjectsAccessKeyID, ObjectsSecretAccessKey and ObjectsSessionToken sign the requests to it, from the environment only; ""
	// takes the AWS SDK's default chain.
	ObjectsAccessKeyID, ObjectsSecretAccessKey, ObjectsSessionToken string
	// LoginSuffix ends the server's own domains of user pools: "<prefix>.auth.<region>.<LoginSuffix>".
	LoginSuffix string
	// LoginDomains are pairs ACCOUNT=DOMAIN: user pools of the account may have DOMAIN, and what is below it, as custom
	// domains.
	LoginDomains []string
	// TenantDomain is a host at which users find their tenant's sign-in; each name right below it is that of the tenant whose
	// route has the subdomain. "" has the pages at /-/sign-in alone.
	TenantDomain string
	// Audit is "async" (data events within 100 ms) or "strict" (before the answer).
	Audit string
	// NodeID tells this process from others on the same store; "" is the host name.
	NodeID string
	// AllowPrivateIssuers lets outside OIDC issuers be at private addresses.
	AllowPrivateIssuers bool
	// EnforceThroughput refuses requests beyond the provisioned or maximum capacity of tables and indexes, on each node for itself.
	EnforceThroughput bool
	// RootKey is the root key in base64, from the environment only; "" reads or makes the file in Data.
	RootKey string
	// RootAccessKeyID and RootSecretAccessKey are the default account's root credentials; "" generates them once.
	RootAccessKeyID, RootSecretAccessKey string
	// MailSettings say how messages of user pools reach their users.
	MailSettings
	// TrustedProxies are the networks whose X-Forwarded-For and X-Forwarded-Proto headers are believed.
	TrustedProxies []string
	// OpsListen is an address, host:port, that serves metrics and health to operators, over plain HTTP. "" serves metrics on
	// Listen, and only to this machine.
	OpsListen string
	// OTLPEndpoint is where traces go by OTLP over HTTP; "" sends none.
	OTLPEndpoint string
	// LogLevel is debug, info, warn or error; LogFormat is text or json.
	LogLevel, LogFormat string
	// backend stands between the server and its store, and now is the clock of requests; nil is neither. For tests.
	backend func(kv.DB) kv.DB
	now     func() time.Time
	// DrainTimeout is how long requests may run on after SIGTERM.
	DrainTimeout time.Duration
	// Logger replaces the one made from LogLevel and LogFormat; for tests.
	Logger *slog.Logger
}

// DefaultConfig is the configuration of a laptop.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:4600", Data: "data", Store: "pebble", Region: "us-east-1", Account: "000000000000",
		TenantTags: []string{"TenantID"}, TenantPattern: tenant.DefaultLanguage, Audit: "async", LoginSuffix: "localhost",
		MailSettings: MailSettings{Mail: byMailbox, SMS: byMailbox, MailPerPool: defaultMailPerPool},
		LogLevel:     "info", LogFormat: "text", DrainTimeout: 15 * time.Second,
	}
}

// Inject puts a store between the server and its own, and gives requests another clock; nil leaves either as it is. It is for tests
// of what goes wrong with them.
func (c *Config) Inject(backend func(kv.DB) kv.DB, now func() time.Time) {
	c.backend, c.now = backend, now
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
)

// Validate says what is wrong with the configuration, and what to do about it.
func (c *Config) Validate() error {
	switch {
	case c.Data == "":
		return errors.New("no data directory: set --data DIR")
	case !accountPattern.MatchString(c.Account):
		return fmt.Errorf("account %q is not 12 digits: set --account", c.Account)
	case !regionPattern.MatchString(c.Region):
		return fmt.Errorf("region %q is not the name of a region such as us-east-1: set --region", c.Region)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case c.Audit != "async" && c.Audit != "strict":
		return fmt.Errorf("--audit is async or strict, not %q", c.Audit)
	case len(c.TenantTags) == 0:
		return errors.New("no tenant tag: set --tenant-tag, e.g. TenantID")
	case (c.RootAccessKeyID == "") != (c.RootSecretAccessKey == ""):
		return errors.New("BULKHEAD_ROOT_ACCESS_KEY_ID and BULKHEAD_ROOT_SECRET_ACCESS_KEY go together")
	}
	if _, err := tenant.NewLanguage(c.TenantPattern); err != nil {
		return err
	}
	for _, check := range []func() error{c.validateIssuer, c.validateFunctions, c.validateTables, c.validateObjects, c.validateStore, c.validateStoreCache, c.validateListen, c.validateDelivery, c.validateNetwork, c.validateTenantDomain} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) validateIssuer() error {
	if c.IssuerURL == "" {
		return nil
	}
	u, err := url.Parse(c.IssuerURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--issuer-url %q is not an http(s) URL without query", c.IssuerURL)
	}
	return nil
}

var hostPattern = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

func (c *Config) validateTenantDomain() error {
	if c.TenantDomain == "" || hostPattern.MatchString(c.TenantDomain) {
		return nil
	}
	return fmt.Errorf("--tenant-domain %q is not a host's name in lower case, without port", c.TenantDomain)
}

// validateListen refuses plain HTTP where others could listen in.
func (c *Config) validateListen() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not host:port", c.Listen)
	}
	if c.TLSCert != "" || c.InsecureHTTP || isLoopback(host) {
		return nil
	}
	return fmt.Errorf("--listen %s can be reached from other machines: give --tls-cert and --tls-key, or accept plain "+
		"HTTP with --insecure-http (behind a proxy that ends TLS)", c.Listen)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
