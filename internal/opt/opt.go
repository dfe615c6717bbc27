// Package opt reads and makes the optional members of shapes, which are pointers.
package opt

// Value is what p points to; the zero value for nil.
func Value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// Present is a pointer to v; nil for the zero value, which an answer leaves out.
func Present[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}
