package webtoken

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth bounds the nesting of JSON in a token; tags need three levels.
const maxDepth = 16

// StrictObject reads a JSON object in which no name comes twice, at any level: readers differ in which of the two they
// take (RFC 7519 section 4 lets us refuse such tokens).
func StrictObject(raw []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := walk(d, 0); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the object")
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("not an object: %w", err)
	}
	if m == nil {
		return nil, errors.New("not an object")
	}
	return m, nil
}

// walk reads one value and fails for a name that comes twice in an object.
func walk(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deep")
	}
	t, err := d.Token()
	if err != nil {
		return fmt.Errorf("read token: %w", err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := make(map[string]bool)
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return fmt.Errorf("read name: %w", err)
			}
			s, ok := name.(string)
			if !ok || seen[s] {
				return fmt.Errorf("name %.64q is there twice", s)
			}
			seen[s] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	if _, err = d.Token(); err != nil {
		return fmt.Errorf("read end: %w", err)
	}
	return nil
}

// stringOf reads a JSON string; an absent one is "".
func stringOf(raw json.RawMessage) (string, bool) {
	if raw == nil {
		return "", true
	}
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

// stringsOf reads a JSON string or an array of strings; absent is nil.
func stringsOf(raw json.RawMessage) ([]string, bool) {
	if len(raw) > 0 && raw[0] == '[' {
		var parts []json.RawMessage
		if json.Unmarshal(raw, &parts) != nil {
			return nil, false
		}
		list := make([]string, len(parts))
		for i, p := range parts {
			var ok bool
			if list[i], ok = stringOf(p); !ok {
				return nil, false
			}
		}
		return list, true
	}
	s, ok := stringOf(raw)
	if !ok || raw == nil {
		return nil, ok
	}
	return []string{s}, true
}
