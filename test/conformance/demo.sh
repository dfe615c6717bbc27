#!/usr/bin/env bash
# Runs the demo twice on each store: the second run finds what the first made. PostgreSQL if BULKHEAD_TEST_POSTGRES is set.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stores=(pebble)
[ -z "${BULKHEAD_TEST_POSTGRES:-}" ] || stores+=("$BULKHEAD_TEST_POSTGRES")
for store in "${stores[@]}"; do
  data="$work/${#store}"
  for run in first second; do
    bin/bulkhead demo --json --store "$store" --data "$data" > "$work/out.json" 2> "$work/err" || { cat "$work/err" "$work/out.json"; exit 1; }
    python3 - "$work/out.json" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
levels = {a["level"] for a in r["attempts"]}
want = {"token", "role", "session tag", "session policy", "row", "index", "key", "ciphertext"}
assert levels == want, levels ^ want
assert r["crossed"] == r["broken"] == 0, r
for a in r["attempts"]:
    assert a["event"] and a["decided"] and "audit log" not in a["decided"], a
print(len(r["attempts"]), "attempts, nothing crossed")
PY
    echo "demo on ${store%%:*}, $run run: passed"
  done
done
