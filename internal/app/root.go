package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/identity"
)

// RootCredentialsFile is where the generated root credentials are, in the form of an AWS shared credentials file.
func RootCredentialsFile(data string) string { return filepath.Join(data, "root-credentials") }

// ReadRootCredentials reads the generated root credentials. Without a file the error is fs.ErrNotExist.
func ReadRootCredentials(ctx context.Context, data string) (id, secret string, err error) {
	name := RootCredentialsFile(data)
	if _, err := os.Stat(name); err != nil {
		return "", "", fmt.Errorf("read the root credentials: %w", err)
	}
	p, err := config.LoadSharedConfigProfile(ctx, "default", func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{name}, nil
	})
	if err != nil {
		return "", "", fmt.Errorf("read the root credentials: %w", err)
	}
	return p.Credentials.AccessKeyID, p.Credentials.SecretAccessKey, nil
}

// openAccount makes the default account with the root access key that the environment or the file declares. At the first
// start without either it makes a key, and writes the file before the account so that no crash can lose it.
func (a *App) openAccount(ctx context.Context) error {
	in := identity.InitInput{
		Account: a.config.Account, AccessKeyID: a.config.RootAccessKeyID, SecretAccessKey: a.config.RootSecretAccessKey,
	}
	if in.AccessKeyID == "" {
		var err error
		if in.AccessKeyID, in.SecretAccessKey, err = a.rootCredentials(ctx); err != nil {
			return err
		}
	}
	made, err := a.catalog.Init(ctx, in)
	if err != nil {
		return err
	}
	a.config.Account = made.Account
	return nil
}

// rootCredentials are those of the file; at the first start it is made. Both are empty where an operator took the file
// away after the first start, and works with other credentials since.
func (a *App) rootCredentials(ctx context.Context) (id, secret string, err error) {
	id, secret, err = ReadRootCredentials(ctx, a.config.Data)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, secret, err
	}
	if org, err := a.catalog.Organization(ctx); err != nil || org != nil {
		return "", "", err
	}
	if id, err = session.NewAccessKeyID(session.LongTerm, a.config.Account); err != nil {
		return "", "", err
	}
	secret = identity.NewSecret()
	if err := writeRootCredentials(a.config.Data, a.config.Region, id, secret); err != nil {
		return "", "", fmt.Errorf("write the root credentials: %w", err)
	}
	a.log.Info("root credentials written", "file", RootCredentialsFile(a.config.Data), "account", a.config.Account)
	return id, secret, nil
}

func writeRootCredentials(data, region, id, secret string) error {
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n", id, secret, region)
	f, err := os.OpenFile(RootCredentialsFile(data), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close(), syncDir(data))
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
