// Package audit keeps the log of every request: one CloudTrail-shaped event each (CloudTrail User Guide, "CloudTrail
// record contents", version 1.11), chained so that a removed, changed, added or reordered event shows.
//
// Each start of a node begins a chain of its own, numbered without holes across all nodes of a store. A record's hash
// covers the chain, its sequence number, the hash before it and the event; a MAC under a derived key covers the hash. A
// chain's head (count, last hash, pending intents) and the registry (number of chains) are MACed records too, written in
// the same transaction as what they describe. The first record of a chain continues from the head of the node's chain
// before it, and says so.
//
// Whoever can write to the store but lacks the root key cannot change, insert, remove, reorder or cut off events without
// Verify showing it. Three things are out of reach of any log that keeps all it knows in the store it protects. Putting
// the whole store back to an older state, or the newest chain's head and records back to a pair that was once valid,
// shows only against an anchor kept elsewhere (Anchors, and the anchors of VerifyOptions). Deleting the whole log with
// its registry leaves a log that looks new. And whoever holds the root key, such as the running server, can write
// anything from then on; anchors still hold what came before.
//
// Management events are durable before their call returns. Data events are durable within Options.Interval, in order, or
// before their call returns when Options.Strict is set. After a crash the next start writes an AuditGap event that says
// where the chain ended; events of that last interval may be missing there. A log that cannot be written refuses new
// events, so that requests fail instead of passing unrecorded.
//
// No event has a place for item values, bodies, tokens or keys. Events are kept for good; there is no retention yet.
package audit
