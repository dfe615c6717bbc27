package trigger

import (
	"strings"
	"testing"
)

func TestErrorMessagesAreBounded(t *testing.T) {
	t.Parallel()
	text := errorMessage([]byte(`{"errorMessage":"a\nb ` + strings.Repeat("é", 4000) + `"}`))
	if len(text) > maxTriggerError || !strings.HasPrefix(text, "a b é") || strings.ContainsRune(text, '\uFFFD') {
		t.Errorf("%d bytes: %q", len(text), text[:20])
	}
}
