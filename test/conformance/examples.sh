#!/usr/bin/env bash
# Runs the examples, as their READMEs say: every sh block of examples/*/README.md, each in a shell of its own and all at once,
# against one server. Fails if one fails. Usage: examples.sh VENV [FOLDER]...
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
venv=$(cd "$1" && pwd)
shift
cd "$top"
[ $# -gt 0 ] || set -- $(cd examples && ls -d */README.md | xargs -n1 dirname)
work=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-examples.XXXXXX")
trap 'kill $(jobs -p) 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT
free() { "$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

export PATH="$venv/bin:$PATH" AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_PAGER=
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE
port=$(free) functions=$(free)
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export AWS_SHARED_CREDENTIALS_FILE=$work/data/root-credentials

BULKHEAD_FUNCTIONS_ACCESS_KEY_ID=functions BULKHEAD_FUNCTIONS_SECRET_ACCESS_KEY=functions \
  bin/bulkhead serve --listen "127.0.0.1:$port" --data "$work/data" --allow-private-issuers \
  --functions-endpoint "http://127.0.0.1:$functions" > "$work/log" 2>&1 &
curl -sf --retry 40 --retry-connrefused --retry-delay 1 "$AWS_ENDPOINT_URL/-/readyz" > /dev/null
python test/conformance/python/functions.py "$functions" examples/functions.py &
curl -s --retry 40 --retry-connrefused --retry-delay 1 "http://127.0.0.1:$functions/" > /dev/null

running=() failed=0
for example in "$@"; do
  awk '/^```sh$/ {on=1; next} /^```$/ {on=0} on' "examples/$example/README.md" > "$work/$example.sh"
  [ -s "$work/$example.sh" ] || { echo "examples/$example/README.md says no command"; exit 1; }
  bash -euo pipefail "$work/$example.sh" > "$work/$example.out" 2>&1 &
  running+=("$!")
done
for example in "$@"; do
  if wait "${running[0]}" && claims=$(grep -c '^ok ' "$work/$example.out"); then
    echo "example $example: $claims claims hold"
  else
    cat "$work/$example.out"
    echo "example $example failed"
    failed=1
  fi
  running=("${running[@]:1}")
done
if [ "$failed" = 1 ]; then
  echo "-- the server's log, last lines"
  tail -n 20 "$work/log"
  exit 1
fi
if grep -E 'panic|goroutine [0-9]+ \[' "$work/log"; then exit 1; fi
