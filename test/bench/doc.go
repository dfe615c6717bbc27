// Package bench measures the server against its floors: what net/http and the embedded store cost alone, in the same run
// and in turns with it. Absolute figures of a shared machine prove nothing; the medians of pairs' ratios do. Run it with
// `make bench`; the table at its end says what each aim asks and what was reached.
package bench
