package cognitoidp

// The points of a sign-in where others take part. They are called outside of transactions, so they may call out.

// beforeAuthentication is called once for each sign-in that begins, when the user is known and nothing was checked. The
// candidate's user is nil for nobody, of whom the caller must not learn.
func (a *attempt) beforeAuthentication(*candidate) error { return nil }

// afterAuthentication is called when everything was shown, before tokens or a code are made. An error refuses the sign-in.
func (a *attempt) afterAuthentication(*arrival) error { return nil }

// migrated is asked for a user whom the pool does not have and who signs in with a password in plain: it makes the user
// and returns it, or nil.
func (a *attempt) migrated(*candidate, string) (*user, error) { return nil, nil } //nolint:nilnil // nobody

// beforeTokens is called for each set of tokens, whatever they come of, before the claims are made.
func (c *scoped) beforeTokens(*issuance) error { return nil }
