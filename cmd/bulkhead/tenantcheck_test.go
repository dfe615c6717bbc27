package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// The check goes through all pages of both kinds of pools, and fails for errors alone.
func TestTenantCheck(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		answer := map[string]any{"Findings": []findingView{{Severity: "WARNING", Code: q.Get("of") + q.Get("nextToken")}}}
		if q.Get("of") == "user-pools" && q.Get("nextToken") == "" {
			answer["NextToken"] = "2"
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIACHECK", "s", "")}
	found, err := findings(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	codes := ""
	for _, f := range found {
		codes += f.Code + " "
	}
	if codes != "user-pools user-pools2 identity-pools " {
		t.Errorf("found %q", codes)
	}
	if err := countErrors(found); err != nil {
		t.Errorf("warnings alone: %v", err)
	}
	if countErrors(append(found, findingView{Severity: "ERROR"})) == nil {
		t.Error("an error passes")
	}
}
