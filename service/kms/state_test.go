package kms

import (
	"sync"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

func (w *world) describe(key string) (*api.KeyMetadata, error) {
	out, err := use(w, w.root(), (*requirements).DescribeKey, (*Service).DescribeKey, &api.DescribeKeyInput{KeyId: &key})
	if err != nil {
		return nil, err
	}
	return out.KeyMetadata, nil
}

func (w *world) disable(key string) error {
	_, err := do(w, w.root(), (*requirements).DisableKey, (*Service).DisableKey, &api.DisableKeyInput{KeyId: &key})
	return err
}

func (w *world) enable(key string) error {
	_, err := do(w, w.root(), (*requirements).EnableKey, (*Service).EnableKey, &api.EnableKeyInput{KeyId: &key})
	return err
}

func (w *world) schedule(key string, days int32) error {
	_, err := do(w, w.root(), (*requirements).ScheduleKeyDeletion, (*Service).ScheduleKeyDeletion,
		&api.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: &days})
	return err
}

func (w *world) cancel(key string) error {
	_, err := do(w, w.root(), (*requirements).CancelKeyDeletion, (*Service).CancelKeyDeletion, &api.CancelKeyDeletionInput{KeyId: &key})
	return err
}

// everyUse tries each cryptographic operation on a key.
func (w *world) everyUse(t *testing.T, what, key string, blob []byte, want string) {
	t.Helper()
	_, err := w.encrypt(w.root(), key, "x", nil)
	wants(t, what+": Encrypt", err, want)
	_, err = w.decrypt(w.root(), "", blob, nil)
	wants(t, what+": Decrypt", err, want)
	_, err = use(w, w.root(), (*requirements).GenerateDataKey, (*Service).GenerateDataKey,
		&api.GenerateDataKeyInput{KeyId: &key, KeySpec: api.DataKeySpecAes256})
	wants(t, what+": GenerateDataKey", err, want)
	_, err = use(w, w.root(), (*requirements).ReEncrypt, (*Service).ReEncrypt, &api.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: &key})
	wants(t, what+": ReEncrypt", err, want)
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	blob, err := w.encrypt(w.root(), *k.KeyId, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "disable", w.disable(*k.KeyId), "")
	if m, err := w.describe(*k.KeyId); err != nil || *m.Enabled || m.KeyState != api.KeyStateDisabled {
		t.Errorf("%+v %v", m, err)
	}
	w.everyUse(t, "disabled", *k.KeyId, blob, "DisabledException "+*k.Arn+" is disabled.")
	f, err := w.svc.facts(t.Context(), ref{accountA, region, *k.KeyId})
	if must(t, f, err); f.opened[0].cipher != nil {
		t.Error("the material of a disabled key is open")
	}
	wants(t, "enable", w.enable(*k.KeyId), "")
	w.everyUse(t, "enabled", *k.KeyId, blob, "")
}

func TestPendingDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	w.createAlias("alias/app", *k.KeyId)
	blob, err := w.encrypt(w.root(), *k.KeyId, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	pending := "KMSInvalidStateException " + *k.Arn + " is pending deletion."
	wants(t, "6 days", w.schedule(*k.KeyId, 6), "Validation")
	wants(t, "31 days", w.schedule(*k.KeyId, 31), "Validation")
	wants(t, "not pending", w.cancel(*k.KeyId), "KMSInvalidStateException "+*k.Arn+" is not pending deletion.")
	wants(t, "7 days", w.schedule(*k.KeyId, 7), "")
	w.everyUse(t, "pending", *k.KeyId, blob, pending)
	wants(t, "schedule again", w.schedule(*k.KeyId, 7), pending)
	wants(t, "enable", w.enable(*k.KeyId), pending)
	wants(t, "disable", w.disable(*k.KeyId), pending)
	_, err = do(w, w.root(), (*requirements).TagResource, (*Service).TagResource, &api.TagResourceInput{KeyId: k.KeyId})
	wants(t, "tag", err, pending)

	w.now = w.now.Add(3 * day)
	wants(t, "cancel", w.cancel(*k.KeyId), "")
	w.everyUse(t, "cancelled", *k.KeyId, blob, "DisabledException")
	wants(t, "enable", w.enable(*k.KeyId), "")
	w.everyUse(t, "enabled again", *k.KeyId, blob, "")
	w.now = w.now.Add(30 * day)
	wants(t, "sweep", w.svc.Sweep(t.Context(), w.now), "")
	w.everyUse(t, "after a sweep that had nothing to do", *k.KeyId, blob, "")

	wants(t, "schedule", w.schedule(*k.KeyId, 10), "")
	w.now = w.now.Add(10*day - time.Second)
	wants(t, "early sweep", w.svc.Sweep(t.Context(), w.now), "")
	w.everyUse(t, "still pending", *k.KeyId, blob, pending)
	wants(t, "a reminder that is wrong", w.svc.sweep(t.Context(), store.K(recordDue, "x"), ref{accountA, region, *k.KeyId}, w.now), "")
	w.everyUse(t, "pending in spite of it", *k.KeyId, blob, pending)
	w.now = w.now.Add(time.Second)
	w.gone(t, "due, not swept", k, blob)
	if n := w.records(t); n == 0 {
		t.Error("nothing is left before the sweep")
	}
	wants(t, "sweep", w.svc.Sweep(t.Context(), w.now), "")
	w.gone(t, "swept", k, blob)
	if n := w.records(t); n != 0 {
		t.Errorf("%d records are left of a deleted key", n)
	}
}

// gone checks that a key is as if it had never been.
func (w *world) gone(t *testing.T, what string, k *api.KeyMetadata, blob []byte) {
	t.Helper()
	_, err := w.describe(*k.KeyId)
	wants(t, what+": describe", err, "NotFoundException Key '"+*k.Arn+"' does not exist")
	_, err = w.encrypt(w.root(), "alias/app", "x", nil)
	wants(t, what+": by alias", err, "NotFoundException Alias")
	_, err = w.decrypt(w.root(), "", blob, nil)
	wants(t, what+": ciphertext", err, "denied")
	wants(t, what+": cancel", w.cancel(*k.KeyId), "NotFoundException Key")
	out, err := use(w, w.root(), (*requirements).ListKeys, (*Service).ListKeys, &api.ListKeysInput{})
	if n := len(must(t, out, err).Keys); n != 0 {
		t.Errorf("%s: %d keys are listed", what, n)
	}
}

// records counts what is kept of the account, reminders included.
func (w *world) records(t *testing.T) (n int) {
	t.Helper()
	err := system.View(t.Context(), w.db, service, func(tx *store.Tx) error {
		n = 0
		count := func(store.Key, []byte) bool { n++; return true }
		r, err := tx.Records(accountA, region)
		if err != nil {
			return err
		}
		if err := r.Scan(nil, nil, count); err != nil {
			return err
		}
		d, err := tx.Directory()
		if err != nil {
			return err
		}
		return d.Scan(nil, nil, count)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	old, err := w.encrypt(w.root(), *k.KeyId, "old", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(w, w.root(), (*requirements).EnableKeyRotation, (*Service).EnableKeyRotation,
		&api.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: new(int32(90))})
	wants(t, "enable", err, "")
	status := func() *api.GetKeyRotationStatusOutput {
		out, err := use(w, w.root(), (*requirements).GetKeyRotationStatus, (*Service).GetKeyRotationStatus,
			&api.GetKeyRotationStatusInput{KeyId: k.KeyId})
		return must(t, out, err)
	}
	if s := status(); !*s.KeyRotationEnabled || *s.RotationPeriodInDays != 90 || !s.NextRotationDate.Equal(w.now.Add(90*day)) {
		t.Errorf("status %+v", s)
	}
	w.now = w.now.Add(91 * day)
	for range 2 { // the second has nothing to do
		wants(t, "sweep", w.svc.Sweep(t.Context(), w.now), "")
	}
	m, err := w.describe(*k.KeyId)
	if must(t, m, err); *m.CurrentKeyMaterialId == *k.CurrentKeyMaterialId {
		t.Error("the material was not rotated")
	}
	fresh, err := w.encrypt(w.root(), *k.KeyId, "new", nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, blob := range map[string][]byte{"old": old, "new": fresh} {
		if got, err := w.decrypt(w.root(), "", blob, nil); err != nil || got != text {
			t.Errorf("%s: %q %v", text, got, err)
		}
	}
	if h, _ := parseBlob(fresh); h.version != 2 {
		t.Errorf("version %d", h.version)
	}
	// a disabled key waits
	wants(t, "disable", w.disable(*k.KeyId), "")
	w.now = w.now.Add(91 * day)
	wants(t, "sweep", w.svc.Sweep(t.Context(), w.now), "")
	wants(t, "enable", w.enable(*k.KeyId), "")
	if now, err := w.describe(*k.KeyId); err != nil || *now.CurrentKeyMaterialId != *m.CurrentKeyMaterialId {
		t.Errorf("a disabled key was rotated: %v", err)
	}
	w.now = w.now.Add(2 * day)
	wants(t, "sweep", w.svc.Sweep(t.Context(), w.now), "")
	if now, err := w.describe(*k.KeyId); err != nil || *now.CurrentKeyMaterialId == *m.CurrentKeyMaterialId {
		t.Errorf("an enabled key was not rotated: %v", err)
	}
	_, err = do(w, w.root(), (*requirements).DisableKeyRotation, (*Service).DisableKeyRotation, &api.DisableKeyRotationInput{KeyId: k.KeyId})
	wants(t, "disable rotation", err, "")
	if s := status(); *s.KeyRotationEnabled || s.NextRotationDate != nil {
		t.Errorf("status %+v", s)
	}
	if n := w.records(t); n != 1 {
		t.Errorf("%d records of one key without rotation", n)
	}
}

func TestTagsAndDescription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("", api.Tag{TagKey: new("TenantID"), TagValue: new("acme")})
	tagged := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*",
		"Condition":{"StringEquals":{"aws:ResourceTag/TenantID":"acme"}}}}`
	acme := w.user(accountA, "acme", tagged)
	_, err := w.encrypt(acme, *k.KeyId, "x", nil)
	wants(t, "tagged", err, "")
	_, err = do(w, w.root(), (*requirements).TagResource, (*Service).TagResource, &api.TagResourceInput{
		KeyId: k.Arn, Tags: []api.Tag{{TagKey: new("TenantID"), TagValue: new("globex")}, {TagKey: new("a"), TagValue: new("")}},
	})
	wants(t, "tag", err, "")
	_, err = w.encrypt(acme, *k.KeyId, "x", nil)
	wants(t, "another's tag", err, "denied")
	list := func() string {
		out, err := use(w, w.root(), (*requirements).ListResourceTags, (*Service).ListResourceTags, &api.ListResourceTagsInput{KeyId: k.KeyId})
		text := ""
		for _, tag := range must(t, out, err).Tags {
			text += *tag.TagKey + "=" + *tag.TagValue + " "
		}
		return text
	}
	if got := list(); got != "TenantID=globex a= " {
		t.Errorf("tags %q", got)
	}
	_, err = do(w, w.root(), (*requirements).TagResource, (*Service).TagResource, &api.TagResourceInput{
		KeyId: k.Arn, Tags: []api.Tag{{TagKey: new("tenantid"), TagValue: new("acme")}},
	})
	wants(t, "a tag in another case", err, "TagException Duplicate tag keys")
	_, err = do(w, w.root(), (*requirements).UntagResource, (*Service).UntagResource, &api.UntagResourceInput{KeyId: k.KeyId, TagKeys: []string{"a", "b"}})
	wants(t, "untag", err, "")
	if got := list(); got != "TenantID=globex " {
		t.Errorf("tags %q", got)
	}
	_, err = do(w, w.root(), (*requirements).UpdateKeyDescription, (*Service).UpdateKeyDescription,
		&api.UpdateKeyDescriptionInput{KeyId: k.KeyId, Description: new("new")})
	wants(t, "describe", err, "")
	if m, err := w.describe(*k.KeyId); err != nil || *m.Description != "new" {
		t.Errorf("%+v %v", m, err)
	}
}

// TestHotPathDoesNotReadTheStore closes the store under a service whose facts are cached.
func TestHotPathDoesNotReadTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	w.createAlias("alias/app", *k.KeyId)
	blob, err := w.encrypt(w.root(), "alias/app", "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.svc.db = nil // a read would panic
	w.everyUse(t, "cached", "alias/app", blob, "")
	if _, err := authorize(w, w.root(), authz.Read, (*requirements).Encrypt, &api.EncryptInput{KeyId: k.Arn}); err != nil {
		t.Error(err)
	}
}

// TestConcurrentUse uses a key while it is disabled and enabled: every answer is right for one of the states.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.createKey("")
	in := &api.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"a": "b"}}
	c, err := authorize(w, w.root(), authz.Read, (*requirements).Encrypt, in)
	must(t, c, err)
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 200 {
				out, err := w.svc.Encrypt(t.Context(), c, in)
				if fault.Is(err, "DisabledException") {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				back, err := w.svc.Decrypt(t.Context(), c, &api.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: in.EncryptionContext})
				if err == nil && string(back.Plaintext) != "x" || err != nil && !fault.Is(err, "DisabledException") {
					t.Errorf("%v %v", back, err)
				}
			}
		})
	}
	for range 20 {
		wants(t, "disable", w.disable(*k.KeyId), "")
		wants(t, "enable", w.enable(*k.KeyId), "")
	}
	users.Wait()
}
