package kms

import "testing"

// The AWS managed key of an account is used by that account's principals, through its service, and in no other way.
func TestManagedKeyIsUsedThroughItsService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.managed("dynamodb")
	own, stranger := w.user(accountA, "own", allowAll), w.user(accountB, "stranger", allowAll)
	for name, c := range map[string]struct {
		via  []string
		want string
	}{
		"by itself":               {nil, "denied"},
		"through DynamoDB":        {[]string{"dynamodb.amazonaws.com"}, ""},
		"through another service": {[]string{"s3.amazonaws.com"}, "denied"},
	} {
		w.via = c.via
		_, err := w.encrypt(own, key, "text", nil)
		wants(t, name, err, c.want)
		_, err = w.encrypt(stranger, key, "text", nil)
		wants(t, name+", from another account", err, "denied")
	}
}

// managed is the ARN of the AWS managed key of a service.
func (w *world) managed(owner string) string {
	w.t.Helper()
	arn, err := w.svc.Managed(w.t.Context(), accountA, region, owner, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return arn
}
