package jsoncodec

// OpenUnion enters an object of which one member is expected, as DynamoDB's attribute values are, and returns the key of
// its first member. It costs less than OpenObject and NextKey since it remembers nothing. When the object is not written
// compactly, or begins otherwise, it returns false and has consumed at most white space: read it with OpenObject.
// CloseUnion must follow the reading of the member's value.
func (d *Decoder) OpenUnion() (key string, ok bool) {
	d.space()
	const longest = 8
	s, start := d.s, d.pos+2
	if start >= len(s) || s[start-2] != '{' || s[start-1] != '"' {
		return "", false
	}
	for i := start; i < len(s)-1 && i <= start+longest; i++ {
		switch c := s[i]; {
		case c == '"' && s[i+1] == ':':
			d.pos = i + 2
			return s[start:i], true
		case c == '"' || c == '\\' || c < ' ':
			return "", false
		}
	}
	return "", false
}

// CloseUnion leaves the object that OpenUnion entered and returns true if it has no other member. Otherwise the object
// is from here on as if OpenObject and NextKey had read it: go on with NextKey.
func (d *Decoder) CloseUnion(key string) (closed bool, err error) {
	d.space()
	if d.pos < len(d.s) && d.s[d.pos] == '}' {
		d.pos++
		return true, nil
	}
	if len(d.frames) >= d.maxDepth {
		return false, serializationError("The request body is nested too deeply.")
	}
	d.frames = append(d.frames, frame{base: int32(len(d.keys))})
	d.keys = append(d.keys, key)
	d.deepest = max(d.deepest, len(d.keys))
	return false, nil
}
