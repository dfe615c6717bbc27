package keyring

import "fmt"

// Purpose says what a derived key is for. Keys of different purposes are independent: what is sealed for one never
// opens for another. The zero Purpose is refused.
type Purpose uint8

// The purposes. Their labels are part of the derivation, so a label never changes once data was sealed under it; the
// order of the constants may.
const (
	_ Purpose = iota
	// SessionToken seals the session tokens of temporary credentials. Server-wide: the account is inside the token.
	SessionToken
	// SessionSecret derives the secret access key of a session from its access key id. Server-wide.
	SessionSecret
	// AuditChain authenticates the records of the audit log. Server-wide.
	AuditChain
	// AuthorizationMessage seals the encoded explanation of a denial (sts:DecodeAuthorizationMessage).
	AuthorizationMessage
	// AccessKeySecret seals the secret access keys of IAM users and of the account's root.
	AccessKeySecret
	// KMSMaterial wraps the key material of KMS keys.
	KMSMaterial
	// KMSCiphertext derives keys that KMS needs beside its material, e.g. for import and grant tokens.
	KMSCiphertext
	// PoolSigningKey wraps the private signing keys of Cognito user pools and identity pools.
	PoolSigningKey
	// ClientSecret seals the secrets of Cognito app clients.
	ClientSecret
	// Verifier seals what passwords are checked against: SRP verifiers and password hashes.
	Verifier
	// DeviceVerifier seals the SRP verifiers of users' remembered devices, and derives the names of their groups.
	DeviceVerifier
	// RefreshToken seals refresh tokens.
	RefreshToken
	// AuthorizationCode seals OAuth 2 authorization codes.
	AuthorizationCode
	// LoginSession seals the cookies of managed login: who is signed in, and where a sign-in stands.
	LoginSession
	// AuthSession seals the state of a sign-in between its steps (Cognito's Session parameter, SRP challenges).
	AuthSession
	// SoftwareToken seals the secrets that authenticator apps share with a user pool.
	SoftwareToken
	// ConfirmationCode derives or seals codes sent to users.
	ConfirmationCode
	// PagingToken seals the tokens of paged answers, which hold positions that callers must not see or make up.
	PagingToken
	// DataKey wraps the data keys under which the rows of tenants are sealed.
	DataKey
	// SenderKey seals the data keys under which codes go to the custom sender functions of user pools.
	SenderKey
	// Secret seals values kept for tenants, such as secrets and parameters.
	Secret
	// SAMLKey seals the private keys of IAM SAML providers, which open encrypted assertions.
	SAMLKey
	// ImportUpload seals what the URLs allow that files of users are sent to.
	ImportUpload
	// ImportFile seals files of users until they are imported.
	ImportFile
	// ProviderSecret seals what a user pool is known by at identity providers: client secrets and private keys.
	ProviderSecret
	// PoolSAMLKey wraps the private keys by which a user pool signs SAML requests and opens SAML responses.
	PoolSAMLKey
	// FederationState seals the state of a sign-in that is at an identity provider.
	FederationState
	// Cursor authenticates positions that the server hands to its own operator. Server-wide.
	Cursor
	// MailboxLink seals the single-use links to the page of the local mailbox, and the sessions that they open.
	MailboxLink
	// TenantRoute seals where a sign-in was routed, and derives what stands for a tenant that there is not.
	TenantRoute
)

// reach says whether the keys of a purpose are per account.
type reach uint8

const (
	perAccount reach = iota
	serverWide
)

var purposes = [...]struct {
	label string
	reach reach
}{
	SessionToken:         {"session-token", serverWide},
	SessionSecret:        {"session-secret", serverWide},
	AuditChain:           {"audit-chain", serverWide},
	AuthorizationMessage: {"authorization-message", perAccount},
	AccessKeySecret:      {"access-key-secret", perAccount},
	KMSMaterial:          {"kms-material", perAccount},
	KMSCiphertext:        {"kms-ciphertext", perAccount},
	PoolSigningKey:       {"pool-signing-key", perAccount},
	ClientSecret:         {"client-secret", perAccount},
	Verifier:             {"verifier", perAccount},
	DeviceVerifier:       {"device-verifier", perAccount},
	RefreshToken:         {"refresh-token", perAccount},
	AuthorizationCode:    {"authorization-code", perAccount},
	LoginSession:         {"login-session", perAccount},
	AuthSession:          {"auth-session", perAccount},
	SoftwareToken:        {"software-token", perAccount},
	ConfirmationCode:     {"confirmation-code", perAccount},
	PagingToken:          {"paging-token", perAccount},
	DataKey:              {"data-key", perAccount},
	SenderKey:            {"sender-key", perAccount},
	Secret:               {"secret", perAccount},
	SAMLKey:              {"saml-key", perAccount},
	ImportUpload:         {"import-upload", perAccount},
	ImportFile:           {"import-file", perAccount},
	ProviderSecret:       {"provider-secret", perAccount},
	PoolSAMLKey:          {"pool-saml-key", perAccount},
	FederationState:      {"federation-state", perAccount},
	Cursor:               {"cursor", serverWide},
	MailboxLink:          {"mailbox-link", perAccount},
	TenantRoute:          {"tenant-route", perAccount},
}

// String returns the label of the purpose.
func (p Purpose) String() string {
	if p == 0 || int(p) >= len(purposes) {
		return fmt.Sprintf("Purpose(%d)", uint8(p))
	}
	return purposes[p].label
}

// Scope narrows a purpose to what a key is for. Each scope has a key of its own.
type Scope struct {
	// Account is the 12-digit account id. Purposes that are per account need it; server-wide ones refuse it.
	Account string
	// Name is anything that tells apart what the key protects within the account, e.g. a pool id; may be empty.
	Name string
}

func (p Purpose) check(s Scope) error {
	if p == 0 || int(p) >= len(purposes) {
		return fmt.Errorf("keyring: no purpose %d", uint8(p))
	}
	switch wide := purposes[p].reach == serverWide; {
	case wide && s.Account != "":
		return fmt.Errorf("keyring: keys for %s are server-wide, not of account %q", p, s.Account)
	case !wide && s.Account == "":
		return fmt.Errorf("keyring: keys for %s need an account", p)
	}
	return nil
}
