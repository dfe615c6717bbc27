#!/usr/bin/env bash
# Runs the AWS SDKs and the AWS CLI, unpatched, against bin/bulkhead: once with the embedded store and, if
# BULKHEAD_TEST_POSTGRES is set, once with PostgreSQL (in CI it must be). All the clients know is AWS_ENDPOINT_URL.
#
#   test/conformance/run.sh            all suites, all stores
#   test/conformance/run.sh python -k kms   one suite (python, js, go), with arguments of its runner
#   CACHE=.cache                       where install.sh put the Python packages
#   STORES="pebble postgres"           which stores
#   BULKHEAD_TEST_CHROMIUM=…           the Chromium of the JavaScript suite, else /usr/bin/chromium; without it, and outside
#                                      of CI, its tests are left out
#   BULKHEAD_TEST_PICTURES=DIR         where they keep pictures of every page; else two of each in test/conformance/js/pictures
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
cache=$(cd "${CACHE:-.cache}" && pwd) || exit 1
venv=$cache/venv
suites=(python js go)
if [ $# -gt 0 ]; then suites=("$1"); shift; fi

if [ -z "${STORES:-}" ]; then
  STORES="pebble"
  if [ -n "${BULKHEAD_TEST_POSTGRES:-}" ]; then
    STORES+=" postgres"
  elif [ "${CI:-}" = true ]; then
    echo "$0: in CI, BULKHEAD_TEST_POSTGRES must name a PostgreSQL server; test/postgres.sh run $0 starts one" >&2
    exit 1
  else
    echo "BULKHEAD_TEST_POSTGRES is not set: only the embedded store is tested; test/postgres.sh run $0 tests both"
  fi
fi
[ -x bin/bulkhead ] || { echo "$0: no bin/bulkhead; run make build" >&2; exit 1; }
[ -x "$venv/bin/python" ] || { echo "$0: no $venv; run make tools" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-conformance.XXXXXX")
server=
stop() {
  if [ -n "$server" ]; then
    kill -TERM "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
  fi
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The JavaScript suite starts servers of its own with TLS, as browsers and OpenID Connect want it; node trusts their certificate.
export BULKHEAD_TEST_TLS=$work/tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout "$BULKHEAD_TEST_TLS.key" \
  -addext subjectAltName=DNS:localhost,DNS:*.auth.us-east-1.localhost,IP:127.0.0.1 -out "$BULKHEAD_TEST_TLS.crt" 2>/dev/null ||
  { echo "$0: no openssl" >&2; exit 1; }

# random prints $2 characters of the set $1.
random() { LC_ALL=C tr -dc "$1" </dev/urandom | head -c "$2"; }

# What would change what the clients do is taken out of their environment.
unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_SESSION_TOKEN AWS_CA_BUNDLE
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true AWS_PAGER=
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

# start runs a server with the store $1 on a free port and exports how to reach it.
start() {
  local store=$1 url=pebble i port
  if [ "$store" = postgres ]; then url=$BULKHEAD_TEST_POSTGRES; fi
  AWS_ACCESS_KEY_ID=AKIA$(random A-Z2-7 16)
  AWS_SECRET_ACCESS_KEY=$(random A-Za-z0-9 40)
  port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  BULKHEAD_TEST_FUNCTIONS_PORT=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  export BULKHEAD_TEST_FUNCTIONS_PORT BULKHEAD_TEST_OBJECTS=$work/$store/objects
  # The store goes by environment, since its URL may hold a password.
  BULKHEAD_STORE=$url BULKHEAD_ROOT_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID BULKHEAD_ROOT_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY \
    BULKHEAD_FUNCTIONS_ENDPOINT=http://127.0.0.1:$BULKHEAD_TEST_FUNCTIONS_PORT \
    BULKHEAD_FUNCTIONS_ACCESS_KEY_ID=functions BULKHEAD_FUNCTIONS_SECRET_ACCESS_KEY=functions \
    bin/bulkhead serve --listen "127.0.0.1:$port" --data "$work/$store" --allow-private-issuers >"$work/$store.log" 2>&1 &
  server=$!
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL=http://127.0.0.1:$port
  for i in $(seq 1 300); do
    if ! kill -0 "$server" 2>/dev/null; then return 1; fi
    if "$venv/bin/python" - "$AWS_ENDPOINT_URL/-/readyz" 2>/dev/null <<'P'
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=2)
P
    then return 0; fi
    sleep 0.1
  done
  return 1
}

passed=0 failed=0
# count adds what suite $1 reported in the file $2; a suite that reports nothing, or ended with a status ($3) but no
# failed test, has failed once.
count() {
  local p f
  case $1 in
    python)
      p=$(tail -n 1 "$2" | grep -Eo '[0-9]+ passed' | cut -d' ' -f1)
      f=$(tail -n 1 "$2" | grep -Eo '[0-9]+ (failed|errors?)' | awk '{s += $1} END {print s + 0}') ;;
    js)
      p=$(sed -n 's/^# pass //p' "$2" | tail -1)
      f=$(sed -n 's/^# fail //p' "$2" | tail -1) ;;
    go)
      p=$(grep -Ec '^ *--- PASS' "$2")
      f=$(grep -Ec '^ *--- FAIL' "$2") ;;
  esac
  p=${p:-0} f=${f:-0}
  if [ "$f" = 0 ] && { [ "$3" != 0 ] || [ "$p" = 0 ]; }; then f=1; fi
  passed=$((passed + p)) failed=$((failed + f))
  echo "   $p passed, $f failed"
}

suite() {
  local store=$1 name=$2 status=0
  shift 2
  echo "== $name clients, store $store"
  case $name in
    python) PATH="$venv/bin:$PATH" "$venv/bin/python" -m pytest -q -p no:cacheprovider --tb=short "$here/python" "$@" ;;
    js) (cd "$here/js" && PATH="$venv/bin:$PATH" BULKHEAD_TEST_STORE=$store NODE_EXTRA_CA_CERTS=$BULKHEAD_TEST_TLS.crt node --test --test-timeout=120000 --test-reporter=tap "$@") ;;
    go) BULKHEAD_TEST_ENDPOINT=$AWS_ENDPOINT_URL go test -count=1 -v -run '^TestClient' "$@" ./test/conformance/... ;;
    *) echo "$0: no suite $name" >&2; false ;;
  esac >"$work/$store-$name.out" 2>&1 || status=$?
  if [ "$status" != 0 ]; then
    cat "$work/$store-$name.out"
    echo "-- the server's log, last lines"
    tail -n "${LOG_LINES:-40}" "$work/$store.log"
  fi
  grep 'NOT RUN:' "$work/$store-$name.out"
  count "$name" "$work/$store-$name.out" "$status"
}

for store in $STORES; do
  if ! start "$store"; then
    echo "the server did not start with store $store:"
    cat "$work/$store.log"
    failed=$((failed + 1))
    stop
    continue
  fi
  for name in "${suites[@]}"; do suite "$store" "$name" "$@"; done
  if ! kill -0 "$server" 2>/dev/null; then
    echo "the server is gone:"
    tail -n 100 "$work/$store.log"
    failed=$((failed + 1))
  fi
  if grep -E 'panic|goroutine [0-9]+ \[' "$work/$store.log"; then failed=$((failed + 1)); fi
  stop
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
