package userpool

// Domain is where a pool's pages and OAuth 2 endpoints are: a prefix of the server's own domains, or a custom one.
type Domain struct {
	Name string
	// Certificate is the ARN of a custom domain's certificate, which tells custom domains from prefixes.
	Certificate string
	// Version is 1 for the classic pages, which UI customization styles, and 2 for managed login with branding.
	Version int32
}

// Custom reports whether the domain is the customer's own.
func (d *Domain) Custom() bool { return d.Certificate != "" }

// HostOf is the host name of a pool's domain: for a prefix, "<prefix>.auth.<region>.<suffix>".
func (s *Store) HostOf(p *Pool, d *Domain) string {
	if d.Custom() {
		return d.Name
	}
	return d.Name + ".auth." + p.Region + "." + s.LoginSuffix
}
