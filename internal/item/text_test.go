package item

import "testing"

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, src, want string }{
		{"Condition", "(a = :a OR NOT (b.c[1] < :n AND size(a) > :n)) AND c IN (:a, d)",
			"(#n0 = :v0 OR NOT (#n1.#n2[1] < :v1 AND size(#n0) > :v2)) AND #n2 IN (:v3, #n3)"},
		{"Condition", "a = :a AND b = :n OR c BETWEEN :n AND :n", "#n0 = :v0 AND #n1 = :v1 OR #n2 BETWEEN :v2 AND :v3"},
		{"Condition", "NOT attribute_exists(a) AND begins_with(b, :a)", "NOT attribute_exists(#n0) AND begins_with(#n1, :v0)"},
		{"Update", "REMOVE d[1], e.f SET a = if_not_exists(a, :n) + :n, b = c - :n DELETE h :s ADD g :n",
			"SET #n0 = if_not_exists(#n0, :v0) + :v1, #n1 = #n2 - :v2 REMOVE #n3[1], #n4.#n5 ADD #n6 :v3 DELETE #n7 :v4"},
	} {
		vals := mustMap(t, `{":a":{"S":"a"},":n":{"N":"1"},":s":{"SS":["x"]}}`)
		ph, err := NewPlaceholders(nil, vals)
		if err != nil {
			t.Fatal(err)
		}
		var x Text
		var got *string
		if c.kind == "Update" {
			u, err := ParseUpdate(c.src, ph)
			if err != nil {
				t.Fatal(err)
			}
			got = x.Update(u)
		} else {
			cond, err := ParseCondition("ConditionExpression", c.src, ph)
			if err != nil {
				t.Fatal(err)
			}
			got = x.Condition(cond)
		}
		if *got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.src, *got, c.want)
		}
	}
	var none Text
	if none.Condition(nil) != nil || none.Update(nil) != nil || none.Update(&Update{}) != nil || none.Names() != nil || none.Values() != nil {
		t.Error("nothing has a text")
	}
}
