// Package arch holds the tests of the architecture: which packages may import which, and why.
package arch
