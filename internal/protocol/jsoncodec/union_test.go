package jsoncodec

import "testing"

func TestUnion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in      string
		open    bool
		key     string
		closed  bool
		other   string // the key after it
		wantErr bool
	}{
		{in: `{"S":"x"}`, open: true, key: "S", closed: true},
		{in: ` {"S":"x" } `, open: true, key: "S", closed: true},
		{in: `{"S":"x","N":"1"}`, open: true, key: "S", other: "N"},
		{in: `{"S":"x","S":"y"}`, open: true, key: "S", wantErr: true},
		{in: `{"S":"x"`, open: true, key: "S", wantErr: true},
		{in: `{"S":"x"]`, open: true, key: "S", wantErr: true},
		{in: `{ "S":"x"}`}, {in: `{"S" :"x"}`}, {in: `{}`}, {in: `[]`}, {in: `{"S`}, {in: `{"S"`}, {in: `{"\u0053":"x"}`},
		{in: `{"toolongakey":"x"}`}, {in: ``},
	} {
		d, err := Acquire([]byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		key, open := d.OpenUnion()
		if open != c.open || key != c.key {
			t.Errorf("%s: opened %v with %q", c.in, open, key)
		}
		if !open {
			continue
		}
		if err := d.Skip(); err != nil {
			t.Fatal(err)
		}
		closed, err := d.CloseUnion(key)
		other := ""
		if err == nil && !closed {
			other, _, err = d.NextKey()
		}
		if (err != nil) != c.wantErr || closed != c.closed || err == nil && other != c.other {
			t.Errorf("%s: closed %v, then %q, %v", c.in, closed, other, err)
		}
		if err == nil && closed && d.End() != nil {
			t.Errorf("%s: %v", c.in, d.End())
		}
	}
}
