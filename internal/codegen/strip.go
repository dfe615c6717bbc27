package codegen

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Strip reads a service's model from botocore's data directory and keeps the facts of the operations in served: no
// documentation, no operation's shapes but theirs. It returns the bytes of models/<service>.json.
func Strip(data, service string, served map[string]OpFacts) ([]byte, error) {
	found, err := filepath.Glob(filepath.Join(data, service, "*", "service-2.json.gz"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no model of %s in %s", service, data)
	}
	slices.Sort(found)
	raw, err := gunzip(found[len(found)-1]) // the newest API version
	if err != nil {
		return nil, err
	}
	var full Model // what the types do not name is dropped, documentation above all
	if err := json.Unmarshal(raw, &full); err != nil {
		return nil, fmt.Errorf("%s: %w", service, err)
	}
	m := Model{Metadata: full.Metadata, Operations: map[string]*Operation{}, Shapes: map[string]*Shape{}}
	for _, name := range slices.Sorted(maps.Keys(full.Operations)) {
		op := full.Operations[name]
		if _, ok := served[name]; !ok {
			m.Unsupported = append(m.Unsupported, name)
			continue
		}
		m.Operations[name] = op
		for _, r := range append([]*Ref{op.Input, op.Output}, op.Errors...) {
			if err := m.take(&full, r); err != nil {
				return nil, fmt.Errorf("%s: %w", service, err)
			}
		}
	}
	return marshal(m)
}

func (m *Model) take(full *Model, r *Ref) error {
	if r == nil || m.Shapes[r.Shape] != nil {
		return nil
	}
	s := full.Shapes[r.Shape]
	if s == nil {
		return errors.New("no shape " + r.Shape)
	}
	m.Shapes[r.Shape] = s
	refs := []*Ref{s.Member, s.Key, s.Value}
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		refs = append(refs, s.Members[name])
	}
	for _, r := range refs {
		if err := m.take(full, r); err != nil {
			return err
		}
	}
	return nil
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(v)
	return b.Bytes(), err
}

func gunzip(path string) (raw []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
