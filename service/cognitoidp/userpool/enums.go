package userpool

// Texts makes strings of a list of enum values.
func Texts[E ~string](in []E) []string {
	var out []string
	for _, v := range in {
		out = append(out, string(v))
	}
	return out
}

// Enums is the reverse of Texts.
func Enums[E ~string](in []string) []E {
	var out []E
	for _, v := range in {
		out = append(out, E(v))
	}
	return out
}
