// Package conformance tests the server as its users meet it: by the AWS SDKs and the AWS CLI, unpatched (run.sh), and by
// a matrix of who may call what on whose data, made by running a server (testdata/matrix.golden).
package conformance
