package audit

import (
	"time"
	"unicode/utf8"
)

const (
	eventVersion = "1.11"
	maxString    = 2048
	maxEvent     = 256 << 10
)

// appendJSON appends the event as JSON. It is written by hand because it runs for every request.
func appendJSON(b []byte, e *Event) []byte {
	start := len(b)
	b = appendEvent(b, e, false)
	if len(b)-start > maxEvent {
		b = appendEvent(b[:start], e, true)
	}
	return b
}

// appendEvent appends the event in CloudTrail's order of fields. A cut event keeps who, what, when and the decision.
func appendEvent(b []byte, e *Event, cut bool) []byte {
	b = append(b, `{"eventVersion":"`+eventVersion+`","userIdentity":`...)
	b = appendIdentity(b, &e.Identity)
	b = append(b, `,"eventTime":"`...)
	b = appendTime(b, e.Time)
	b = append(b, '"')
	b = field(b, "eventSource", e.Source)
	b = field(b, "eventName", e.Name)
	b = field(b, "awsRegion", e.Region)
	b = append(b, `,"sourceIPAddress":`...)
	if e.SourceIP.IsValid() {
		b = append(e.SourceIP.WithZone("").AppendTo(append(b, '"')), '"')
	} else {
		b = appendString(b, e.Identity.InvokedBy)
	}
	b = field(b, "userAgent", e.UserAgent)
	b = optional(b, "errorCode", e.ErrorCode)
	b = optional(b, "errorMessage", e.ErrorMessage)
	b = append(b, `,"requestParameters":`...)
	if len(e.Params) == 0 || cut {
		b = append(b, "null"...)
	} else {
		b = appendParams(b, e.Params)
	}
	b = append(b, `,"responseElements":null`...)
	b = appendAdditional(b, e, cut)
	b = field(b, "requestID", e.RequestID)
	b = append(e.ID.append(append(b, `,"eventID":"`...)), '"')
	b = boolean(b, "readOnly", e.ReadOnly)
	if len(e.Resources) > 0 && !cut {
		b = appendResources(b, e.Resources)
	}
	return append(appendEnd(b, e), '}')
}

func appendEnd(b []byte, e *Event) []byte {
	if e.kind == kindEvent {
		b = append(b, `,"eventType":"AwsApiCall"`...)
	} else {
		b = append(b, `,"eventType":"AwsServiceEvent"`...)
	}
	b = boolean(b, "managementEvent", e.Management)
	b = optional(b, "recipientAccountId", e.Account)
	if !e.SharedID.IsZero() {
		b = append(e.SharedID.append(append(b, `,"sharedEventID":"`...)), '"')
	}
	if e.Management {
		b = append(b, `,"eventCategory":"Management"`...)
	} else {
		b = append(b, `,"eventCategory":"Data"`...)
	}
	if e.TLS != (TLS{}) {
		b = append(b, `,"tlsDetails":{`...)
		b = optional(b, "tlsVersion", e.TLS.Version)
		b = optional(b, "cipherSuite", e.TLS.CipherSuite)
		b = optional(b, "clientProvidedHostHeader", e.TLS.Host)
		b = append(b, '}')
	}
	return b
}

func appendIdentity(b []byte, id *Identity) []byte {
	typ := id.Type
	if typ == "" {
		typ = "Unknown"
	}
	b = field(append(b, '{'), "type", typ)
	b = optional(b, "principalId", id.PrincipalID)
	b = optional(b, "arn", id.ARN)
	b = optional(b, "accountId", id.Account)
	b = optional(b, "accessKeyId", id.AccessKeyID)
	b = optional(b, "userName", id.UserName)
	b = optional(b, "identityProvider", id.IdentityProvider)
	if !id.Session.Created.IsZero() {
		b = appendSession(b, &id.Session)
	}
	b = optional(b, "invokedBy", id.InvokedBy)
	return append(b, '}')
}

func appendSession(b []byte, s *Session) []byte {
	b = append(b, `,"sessionContext":{"sessionIssuer":{`...)
	b = optional(b, "type", s.IssuerType)
	b = optional(b, "principalId", s.IssuerID)
	b = optional(b, "arn", s.IssuerARN)
	b = optional(b, "accountId", s.IssuerAccount)
	b = optional(b, "userName", s.IssuerName)
	b = append(b, `},"webIdFederationData":{`...)
	if s.FederatedProvider != "" {
		b = field(b, "federatedProvider", s.FederatedProvider)
		b = append(b, `,"attributes":{}`...)
	}
	b = append(b, `},"attributes":{"creationDate":"`...)
	b = appendTime(b, s.Created)
	if s.MFA {
		b = append(b, `","mfaAuthenticated":"true"}`...)
	} else {
		b = append(b, `","mfaAuthenticated":"false"}`...)
	}
	b = optional(b, "sourceIdentity", s.SourceIdentity)
	return append(b, '}')
}

// appendAdditional appends what CloudTrail has no field for.
func appendAdditional(b []byte, e *Event, cut bool) []byte {
	start := len(b)
	b = append(b, `,"additionalEventData":{`...)
	empty := len(b)
	b = optional(b, "tenant", e.Tenant.String())
	if len(e.Tags) > 0 && !cut {
		b = appendTags(b, e)
	}
	b = optional(b, "decision", e.Decision.Effect)
	b = optional(b, "statement", e.Decision.Statement)
	b = optional(b, "policy", e.Decision.Policy)
	b = optional(b, "unmet", e.Decision.Unmet)
	b = optional(b, "guard", e.Decision.Guard)
	for _, p := range e.marker {
		b = field(b, p.Name, p.Value)
	}
	if cut {
		b = boolean(b, "truncated", true)
	}
	if len(b) == empty {
		return b[:start]
	}
	return append(b, '}')
}

func appendTags(b []byte, e *Event) []byte {
	b = append(name(b, "sessionTags"), '{')
	transitive := false
	for i := range e.Tags {
		b = foreign(b, e.Tags[i].Key, e.Tags[i].Value)
		transitive = transitive || e.Tags[i].Transitive
	}
	b = append(b, '}')
	if !transitive {
		return b
	}
	b = append(name(b, "transitiveTagKeys"), '[')
	for i := range e.Tags {
		if e.Tags[i].Transitive {
			b = appendString(comma(b), e.Tags[i].Key)
		}
	}
	return append(b, ']')
}

func appendParams(b []byte, params []Param) []byte {
	b = append(b, '{')
	for _, p := range params {
		b = foreign(b, p.Name, p.Value)
	}
	return append(b, '}')
}

func appendResources(b []byte, rs []Resource) []byte {
	b = append(name(b, "resources"), '[')
	for i := range rs {
		b = append(comma(b), '{')
		b = optional(b, "accountId", rs[i].Account)
		b = optional(b, "type", rs[i].Type)
		b = optional(b, "ARN", rs[i].ARN)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendTime appends a time as CloudTrail does, to the second.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(b, byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-')
	b = append(two(b, int(month)), '-')
	b = append(two(b, day), 'T')
	b = append(two(b, hour), ':')
	b = append(two(b, minute), ':')
	return append(two(b, second), 'Z')
}

func two(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// comma appends a comma unless b ends where an object or array begins.
func comma(b []byte) []byte {
	if c := b[len(b)-1]; c != '{' && c != '[' {
		return append(b, ',')
	}
	return b
}

// name appends a key of ours, which needs no escaping.
func name(b []byte, key string) []byte {
	return append(append(append(comma(b), '"'), key...), '"', ':')
}

func field(b []byte, key, value string) []byte { return appendString(name(b, key), value) }

// foreign appends a field whose key comes from outside.
func foreign(b []byte, key, value string) []byte {
	return appendString(append(appendString(comma(b), key), ':'), value)
}

func optional(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return field(b, key, value)
}

func boolean(b []byte, key string, v bool) []byte {
	if v {
		return append(name(b, key), "true"...)
	}
	return append(name(b, key), "false"...)
}

// appendString appends s as a JSON string (RFC 8259 section 7), at most maxString bytes of it, with U+FFFD for what is
// not UTF-8.
func appendString(b []byte, s string) []byte {
	if len(s) > maxString {
		s = s[:maxString]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		s = s[:max(len(s)-1, 0)] // the start of a character that may be cut
	}
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			return append(appendEscaped(append(b, s[:i]...), s[i:]), '"')
		}
	}
	return append(append(b, s...), '"')
}

func appendEscaped(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
