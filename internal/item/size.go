package item

// MaxItem is the largest item in bytes, by Size (DynamoDB Developer Guide, "Service, account, and table quotas").
const MaxItem = 400 * 1024

// Size returns the size of an item as DynamoDB counts it (DynamoDB Developer Guide, "DynamoDB item sizes and formats"):
// names and text in UTF-8 bytes; numbers as numberSize says; BOOL and NULL one byte; maps and lists three bytes, and one for each element.
func (m Map) Size() int {
	total := 0
	for b := m.b; len(b) > 0; {
		name, n := bytesAt(b)
		b = b[n:]
		size, n := sizeAt(b)
		b = b[n:]
		total += len(name) + size
	}
	return total
}

// sizeAt returns the size of the value at the start of b, and how many bytes it takes.
func sizeAt(b []byte) (size, n int) {
	if k := Kind(b[0]); k == S || k == B {
		p, n := bytesAt(b[1:])
		return len(p), 1 + n
	}
	n = valueLen(b)
	return valueSize(b[:n:n]), n
}

// Size returns the size of a value as DynamoDB counts it.
func (v Value) Size() int {
	if len(v.b) == 0 {
		return 0
	}
	return valueSize(v.b)
}

func valueSize(enc []byte) int {
	v := Value{b: enc}
	switch k := Kind(enc[0]); k {
	case S, B:
		p, _ := bytesAt(enc[1:])
		return len(p)
	case N:
		return numberSize(v.scalar())
	case M:
		n := 3
		for name, e := range v.Map().entries() {
			n += 1 + len(name) + valueSize(e)
		}
		return n
	case L:
		n := 3
		for e := range v.Elements() {
			n += 1 + valueSize(e.b)
		}
		return n
	case SS, NS, BS:
		n := 0
		for m := range v.Members() {
			if k == NS {
				n += numberSize(m)
			} else {
				n += len(m)
			}
		}
		return n
	default:
		return 1
	}
}

// numberSize is the size of a number by its order-preserving bytes: a byte, one for each two significant digits before the point
// and for each two after it, and one for a minus sign.
func numberSize(ordered []byte) int {
	if len(ordered) < 3 {
		return 1
	}
	z := numOf(ordered)
	whole := min(max(int(z.exp)+1, 0), int(z.n))
	n := 1 + (whole+1)/2 + (int(z.n)-whole+1)/2
	if z.neg {
		n++
	}
	return n
}
