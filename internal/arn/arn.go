// Package arn reads and writes Amazon Resource Names ("Amazon Resource Names (ARNs)", AWS General Reference).
package arn

import "strings"

// Partition is the only partition that this server is.
const Partition = "aws"

// ARN is a resource name: arn:partition:service:region:account:resource.
type ARN struct {
	Partition, Service, Region, Account string
	// Resource is all that follows the account, colons and slashes included.
	Resource string
}

// Parse reads an ARN. It returns false unless s has all six parts, a partition, a service and a resource, and an account
// that is empty, "aws" or 12 digits.
func Parse(s string) (ARN, bool) {
	var a ARN
	rest, ok := strings.CutPrefix(s, "arn:")
	for _, part := range [...]*string{&a.Partition, &a.Service, &a.Region, &a.Account} {
		if !ok {
			return ARN{}, false
		}
		*part, rest, ok = strings.Cut(rest, ":")
	}
	if !ok {
		return ARN{}, false
	}
	a.Resource = rest
	if a.Partition == "" || a.Service == "" || a.Resource == "" {
		return ARN{}, false
	}
	if a.Account != "" && a.Account != "aws" && !IsAccount(a.Account) {
		return ARN{}, false
	}
	return a, true
}

// String writes the ARN.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Type splits the resource at its first slash: "role/path/R" is of the type "role" with the rest "path/R". A resource
// without a slash has no type.
func (a ARN) Type() (kind, rest string) {
	if kind, rest, ok := strings.Cut(a.Resource, "/"); ok {
		return kind, rest
	}
	return "", a.Resource
}

// Name is what follows the last slash of the resource.
func (a ARN) Name() string { return a.Resource[strings.LastIndexByte(a.Resource, '/')+1:] }

// IAM makes the ARN of an IAM resource of an account: IAM("1…", "user", "/p/", "u") is arn:aws:iam::1…:user/p/u. The path
// begins and ends with a slash.
func IAM(account, kind, path, name string) string {
	return "arn:" + Partition + ":iam::" + account + ":" + kind + path + name
}

// Root makes the ARN of an account's root user.
func Root(account string) string { return "arn:" + Partition + ":iam::" + account + ":root" }

// AssumedRole makes the ARN of a role session.
func AssumedRole(account, role, session string) string {
	return "arn:" + Partition + ":sts::" + account + ":assumed-role/" + role + "/" + session
}

// FederatedUser makes the ARN of a federated user session.
func FederatedUser(account, name string) string {
	return "arn:" + Partition + ":sts::" + account + ":federated-user/" + name
}

// IsAccount reports whether s is an account id: exactly 12 digits.
func IsAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
