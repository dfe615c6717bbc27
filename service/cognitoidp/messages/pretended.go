package messages

import (
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Pretended is the address of a user who does not exist: the name itself where it is one, else one that stays the same
// ("Managing user existence error responses", Amazon Cognito Developer Guide).
func (c *Request) Pretended(name string) (Destination, error) {
	switch {
	case userpool.EmailForm.MatchString(name):
		return Destination{"email", name}, nil
	case userpool.PhoneForm.MatchString(name):
		return Destination{"phone_number", name}, nil
	}
	seed, err := c.DecoySeed("address", name)
	if err != nil {
		return Destination{}, err
	}
	letter := func(b byte) string { return string(rune('a' + b%26)) }
	return Destination{"email", letter(seed[0]) + "@" + letter(seed[1])}, nil
}

// ghost stands for a name that is nobody's, so that codes for it are counted as a user's are.
func (c *Request) ghost(name string) (*userpool.User, error) {
	who, err := c.Who(nil, name)
	return &userpool.User{Sub: who}, err
}

// PretendCode makes a code that is sent to nobody.
func (c *Request) PretendCode(rec *store.Records, name, purpose string) error {
	g, err := c.ghost(name)
	if err != nil {
		return err
	}
	if _, err := c.NewCode(rec, g, purpose, Destination{}); err != nil {
		return err
	}
	return c.Expire(rec, userpool.SpentCode, g.Sub+"/"+purpose, c.Call.Now.Add(CodeWindow))
}

// PretendReset refuses a code for nobody as it would a wrong one for a user.
func (c *Request) PretendReset(name, given string) error {
	g, err := c.ghost(name)
	if err != nil {
		return err
	}
	if err := c.HoldsCode(g, userpool.CodeForgot, given); err != nil {
		return err
	}
	return refusal.CodeMismatch()
}

// HoldsCode checks a code before work is done for whoever has it, and counts a wrong one.
func (c *Request) HoldsCode(u *userpool.User, purpose, given string) error {
	var refused error
	err := c.Update(func(rec *store.Records) (err error) {
		_, refused, err = c.tryCode(rec, u, purpose, given)
		return err
	})
	if err == nil {
		err = refused
	}
	return err
}
