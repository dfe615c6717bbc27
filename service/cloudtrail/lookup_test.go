package cloudtrail_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"github.com/bulkhead/bulkhead/internal/app/apptest"
)

// Events are those of the caller's own account, newest first, a page at a time, for those who may see them.
func TestLookup(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	_, other := s.OtherAccount("second")
	const n = 5
	var made []string
	for range n {
		out, err := kms.NewFromConfig(s.Root).CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, *out.KeyMetadata.Arn)
	}
	in := func() *cloudtrail.LookupEventsInput {
		return &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(2), LookupAttributes: []types.LookupAttribute{
			{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: aws.String("CreateKey")},
		}}
	}
	var ids []string
	var times []int64
	var token *string
	pages := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(s.Root), in())
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if token == nil {
			token = page.NextToken
		}
		for _, e := range page.Events {
			ids, times = append(ids, *e.EventId), append(times, -e.EventTime.UnixNano())
			if !strings.Contains(*e.CloudTrailEvent, `"recipientAccountId":"`+apptest.Account+`"`) {
				t.Error(*e.CloudTrailEvent)
			}
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != len(made) || !slices.IsSorted(times) {
		t.Errorf("%d events at %v", len(ids), times)
	}
	theirs := cloudtrail.NewFromConfig(other)
	if out, err := theirs.LookupEvents(t.Context(), in()); err != nil || len(out.Events) != 0 {
		t.Error("another account sees", out, err)
	}
	stolen := in()
	stolen.NextToken = token
	_, err := theirs.LookupEvents(t.Context(), stolen)
	refused(t, err, "InvalidNextTokenException")
	changed := in()
	changed.NextToken, changed.LookupAttributes = token, nil
	_, err = cloudtrail.NewFromConfig(s.Root).LookupEvents(t.Context(), changed)
	refused(t, err, "InvalidNextTokenException")
	nobody := s.User(s.Root, "nobody", apptest.AllBut("cloudtrail:LookupEvents"))
	_, err = cloudtrail.NewFromConfig(nobody).LookupEvents(t.Context(), in())
	refused(t, err, "AccessDeniedException")
}

func refused(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}
