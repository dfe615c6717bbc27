#!/usr/bin/env bash
# Runs the suite of exports and imports with their buckets in an outside storage that speaks S3's API: moto, from PyPI.
#
#   CACHE=.cache   where install.sh put the Python packages
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=$(cd "${CACHE:-.cache}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-objects.XXXXXX")
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$cache/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/storage.log" 2>&1 &
storage=$!
trap 'kill "$storage" 2>/dev/null || :; wait "$storage" 2>/dev/null || :; rm -rf "$work"' EXIT
for i in $(seq 1 300); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  if ! kill -0 "$storage" 2>/dev/null || [ "$i" = 300 ]; then
    cat "$work/storage.log" >&2
    exit 1
  fi
  sleep 0.1
done
export BULKHEAD_OBJECTS=http://127.0.0.1:$port BULKHEAD_OBJECTS_ACCESS_KEY_ID=storage BULKHEAD_OBJECTS_SECRET_ACCESS_KEY=storage
export BULKHEAD_TEST_STORAGE=$BULKHEAD_OBJECTS STORES=pebble
test/conformance/run.sh python -k test_exports
