package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/test/sim/proc"
)

// TestMain makes the test binary serve as the command as well, so that scripts run what users run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bulkhead": main})
}

// TestScripts runs the scripts in testdata/script. Beside testscript's own commands they have:
//
//	serve ARGS...            start "bulkhead serve" on a free port of loopback; $AWS_ENDPOINT_URL is where it serves
//	term STATUS              send it SIGTERM and check its exit status
//	kill9                    end it as a crash would
//	exits STATUS COMMAND...  run the command and check its exit status
//	mode MODE FILE...        check permissions, in octal
//	unlogged FILE            check that the secret in a credentials file is not in the server's log
//	logged TEXT              check that the text is in the server's log
//	get STATUS PATH          fetch a path of the server into stdout
//	pool DIR                 make a user pool, with an app client and a user who is sent a code, as root of the data
//	                         directory; $POOL and $CLIENT are their ids
//	follow STATUS FILE       fetch the address in the file as a new browser
//	certificate CERT KEY     make a certificate for 127.0.0.1 that is its own authority
//	tamper DIR TEXT          change a record of the audit log that holds the text, in the store of a stopped server
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": scriptServe, "term": scriptTerm, "kill9": scriptKill, "exits": scriptExits, "mode": scriptMode,
			"unlogged": scriptUnlogged, "logged": scriptLogged, "get": scriptGet, "certificate": scriptCertificate,
			"tamper": scriptTamper, "pool": scriptPool, "follow": scriptFollow,
		},
		Setup: func(e *testscript.Env) error {
			e.Values[serverKey{}] = &running{}
			e.Defer(func() { e.Values[serverKey{}].(*running).end() })
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
	})
}

type serverKey struct{}

// running is the server of a script.
type running struct{ *proc.Server }

func (r *running) end() {
	if r.Server != nil {
		r.Kill()
	}
}

func of(ts *testscript.TestScript) *running { return ts.Value(serverKey{}).(*running) }

func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	r := of(ts)
	r.end()
	cmd := exec.Command("bulkhead", append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir, cmd.Env = ts.Getenv("WORK"), environ(ts)
	s, err := proc.Start(cmd)
	if neg {
		if err == nil {
			s.Kill()
			ts.Fatalf("the server started")
		}
		return
	}
	ts.Check(err)
	r.Server = s
	ts.Setenv("AWS_ENDPOINT_URL", s.Endpoint)
}

// environ is the script's environment as far as the server looks at it.
func environ(ts *testscript.TestScript) []string {
	env := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	for _, name := range []string{
		"BULKHEAD_ROOT_KEY", "BULKHEAD_ROOT_ACCESS_KEY_ID", "BULKHEAD_ROOT_SECRET_ACCESS_KEY", "BULKHEAD_DATA", "BULKHEAD_CONFIG",
		"BULKHEAD_LOG_LEVEL", "BULKHEAD_REGION", "BULKHEAD_ACCOUNT",
	} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func scriptTerm(ts *testscript.TestScript, _ bool, args []string) {
	r := of(ts)
	ts.Check(r.Terminate())
	if got := strconv.Itoa(r.Wait()); got != args[0] {
		ts.Fatalf("the server ended with status %s: %s", got, r.Log())
	}
}

func scriptKill(ts *testscript.TestScript, _ bool, _ []string) { of(ts).Kill() }

func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	status := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("exit status %d", status)
	}
}

func scriptMode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, name := range args[1:] {
		st, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if st.Mode().Perm() != fs.FileMode(want) {
			ts.Fatalf("%s has mode %o", name, st.Mode().Perm())
		}
	}
}

func scriptUnlogged(ts *testscript.TestScript, _ bool, args []string) {
	_, rest, ok := strings.Cut(ts.ReadFile(args[0]), "aws_secret_access_key = ")
	secret, _, _ := strings.Cut(rest, "\n")
	if !ok || len(secret) < 20 {
		ts.Fatalf("%s holds no secret", args[0])
	}
	if strings.Contains(of(ts).Log(), secret) {
		ts.Fatalf("the secret was logged")
	}
}

func scriptLogged(ts *testscript.TestScript, neg bool, args []string) {
	if strings.Contains(of(ts).Log(), args[0]) == neg {
		ts.Fatalf("log: %s", of(ts).Log())
	}
}

func scriptGet(ts *testscript.TestScript, _ bool, args []string) {
	fetch(ts, http.DefaultClient, args[0], of(ts).Endpoint+args[1])
}

func fetch(ts *testscript.TestScript, c *http.Client, status, address string) {
	resp, err := c.Get(address)
	ts.Check(err)
	defer resp.Body.Close() //nolint:errcheck // it was only read
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != status {
		ts.Fatalf("status %d", resp.StatusCode)
	}
}

func scriptFollow(ts *testscript.TestScript, _ bool, args []string) {
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	fetch(ts, &http.Client{Jar: jar}, args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func scriptPool(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	cfg, err := loadConfig(ctx, "us-east-1", ts.MkAbs(args[0]), config.WithBaseEndpoint(of(ts).Endpoint))
	ts.Check(err)
	c := idp.NewFromConfig(cfg)
	pool, err := c.CreateUserPool(ctx, &idp.CreateUserPoolInput{
		PoolName: aws.String("pool"), AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
	})
	ts.Check(err)
	app, err := c.CreateUserPoolClient(ctx, &idp.CreateUserPoolClientInput{UserPoolId: pool.UserPool.Id, ClientName: aws.String("app")})
	ts.Check(err)
	_, err = c.SignUp(ctx, &idp.SignUpInput{
		ClientId: app.UserPoolClient.ClientId, Username: aws.String("ana"), Password: aws.String("Correct-Horse-1"),
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String("ana@example.com")}},
	})
	ts.Check(err)
	ts.Setenv("POOL", *pool.UserPool.Id)
	ts.Setenv("CLIENT", *app.UserPoolClient.ClientId)
}

func scriptCertificate(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: cert}, {Type: "PRIVATE KEY", Bytes: private}} {
		ts.Check(os.WriteFile(ts.MkAbs(args[i]), pem.EncodeToMemory(block), 0o600))
	}
}

func scriptTamper(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(tamper(filepath.Join(ts.MkAbs(args[0]), "pebble"), args[1]))
}

// tamper changes one letter of the text in the longest value of the audit log that holds it, which is the record.
func tamper(dir, text string) (err error) {
	db, err := pebblekv.Open(dir, pebblekv.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Update(context.Background(), func(tx kv.Tx) error {
		var key, value []byte
		err := tx.Scan(kv.Prefix([]byte{store.SpaceAudit}), func(k, v []byte) bool {
			if bytes.Contains(v, []byte(text)) && len(v) > len(value) {
				key, value = bytes.Clone(k), bytes.Clone(v)
			}
			return true
		})
		if err != nil {
			return err
		}
		i := bytes.Index(value, []byte(text))
		if i < 0 {
			return fmt.Errorf("no record holds %q", text)
		}
		value[i]++
		return tx.Set(key, value)
	})
}
