#!/usr/bin/env bash
# Runs the suite of tables with their rows in an outside engine: DynamoDB Local, from its Maven package (tables/pom.xml). Streams
# and backups are refused there (docs/adr/0012-outside-table-engine.md). Without Java and Maven it is skipped, in CI it
# fails.
#
# DynamoDB Local listens on all addresses and cannot be told not to. What is fetched is fetched first; then all goes on in a network of
# its own, in which there is only loopback, where the system lets users make one.
#
#   CACHE=.cache   where packages are kept
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then
  echo "$0: java or mvn is not installed: tables in an outside engine are NOT TESTED" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 0
fi
cache=$(cd "${CACHE:-.cache}" && pwd)
lib=$cache/dynamodb-local
if ! cmp -s test/conformance/tables/pom.xml "$lib/complete"; then
  rm -rf "$lib"
  mvn -q -B -f test/conformance/tables/pom.xml dependency:copy-dependencies -DoutputDirectory="$lib"
  cp test/conformance/tables/pom.xml "$lib/complete"
fi
if [ -z "${TABLES_ALONE:-}" ]; then
  go test -c -o "$lib/dynamodb.test" ./service/dynamodb
  export TABLES_ALONE=1 CACHE=$cache
  if unshare --user --map-current-user --net true 2>/dev/null && command -v ip >/dev/null; then
    exec unshare --user --map-root-user --net "$root/test/conformance/tables.sh"
  fi
  echo "$0: no network of its own can be made: DynamoDB Local listens on all addresses of this machine meanwhile" >&2
  export TABLES_ALONE=0
fi
if [ "$TABLES_ALONE" = 1 ]; then ip link set lo up; fi
work=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-tables.XXXXXX")
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# It writes a file into its working directory.
(cd "$work" && LD_LIBRARY_PATH=$lib exec java -cp "$lib/*" com.amazonaws.services.dynamodbv2.local.main.ServerRunner \
  -inMemory -sharedDb -port "$port" >"$work/engine.log" 2>&1) &
engine=$!
trap 'kill "$engine" 2>/dev/null || :; wait "$engine" 2>/dev/null || :; rm -rf "$work"' EXIT
for i in $(seq 1 200); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  if ! kill -0 "$engine" 2>/dev/null || [ "$i" = 200 ]; then
    cat "$work/engine.log" >&2
    exit 1
  fi
  sleep 0.1
done
export BULKHEAD_TABLES=http://127.0.0.1:$port BULKHEAD_TABLES_ACCESS_KEY_ID=engine BULKHEAD_TABLES_SECRET_ACCESS_KEY=engine
export BULKHEAD_TEST_ENGINE=$BULKHEAD_TABLES STORES=pebble
test/conformance/run.sh python -k '(test_dynamodb or test_outside_tables) and not stream and not time_to_live and not backups'

# The same answers as from rows that are here, and many writers at once, of two nodes and beside them.
(cd service/dynamodb && "$lib/dynamodb.test" -test.run 'TestOutsideSameAnswers|TestOutsideWritersAtOnce')

# docs/outside-engine.md, as it stands. Its server has the default port.
ENGINE=$BULKHEAD_TABLES test/conformance/readme.sh "$cache/venv" docs/outside-engine.md
