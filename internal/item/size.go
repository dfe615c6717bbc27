package item

// MaxItem is the largest item in bytes, by Size (DynamoDB Developer Guide, "Service, account, and table quotas").
const MaxItem = 400 * 1024

// Size returns the size of an item as DynamoDB counts it (DynamoDB Developer Guide, "DynamoDB item sizes and formats"):
// names and text in UTF-8 bytes; numbers as numberSize says; BOOL and NULL one byte; maps and lists three bytes, and one for each element.
func (m Map) Size() int { return sizeOfMap(m.b, 0) }

// sizeOfMap is the size of encoded attributes, of which each takes so much more.
func sizeOfMap(b []byte, more int) int {
	total := 0
	for len(b) > 0 {
		name, n := bytesAt(b)
		b = b[n:]
		size, n := sizeAt(b)
		b = b[n:]
		total += more + len(name) + size
	}
	return total
}

// Size returns the size of a value as DynamoDB counts it.
func (v Value) Size() int {
	if len(v.b) == 0 {
		return 0
	}
	size, _ := sizeAt(v.b)
	return size
}

// sizeAt returns the size of the value at the start of b, and how many bytes it takes there.
func sizeAt(b []byte) (size, n int) {
	k := Kind(b[0])
	switch k {
	case S, B, N:
		p, n := bytesAt(b[1:])
		if k == N {
			return numberSize(p), 1 + n
		}
		return len(p), 1 + n
	case M, L, SS, NS, BS:
		n = valueLen(b)
		return sizeOfBody(k, b[5:n]), n
	}
	return 1, valueLen(b)
}

func sizeOfBody(k Kind, b []byte) int {
	if k == M {
		return 3 + sizeOfMap(b, 1)
	}
	total := 0
	if k == L {
		total = 3
	}
	for len(b) > 0 {
		var size, n int
		if k == L {
			size, n = sizeAt(b)
			size++
		} else {
			var p []byte
			if p, n = bytesAt(b); k == NS {
				size = numberSize(p)
			} else {
				size = len(p)
			}
		}
		b = b[n:]
		total += size
	}
	return total
}

// numberSize is the size of a number by its order-preserving bytes: a byte, one for each two significant digits before the point
// and for each two after it, and one for a minus sign.
func numberSize(ordered []byte) int {
	if len(ordered) < 3 {
		return 1
	}
	flip, pairs, n := byte(0), ordered[2:], 1
	if ordered[0] == orderNegative {
		flip, pairs, n = 0xff, pairs[:len(pairs)-1], 2
	}
	digits := 2 * len(pairs)
	if ((pairs[len(pairs)-1]^flip)-1)%10 == 0 {
		digits--
	}
	whole := min(max(int(ordered[1]^flip)+minExponent+1, 0), digits)
	return n + (whole+1)/2 + (digits-whole+1)/2
}
