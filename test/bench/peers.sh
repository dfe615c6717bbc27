#!/usr/bin/env bash
# Measures Bulkhead beside DynamoDB Local and dynalite, all on loopback: `test/bench/peers.sh CACHE [FLAGS OF bulkhead bench tables]`.
#
# Bulkhead runs with everything on: signatures, tenants' sessions under an ABAC policy, guard, sealing, audit, and each write synced
# to its store in BENCH_DIR (default: the system's temporary directory; give one on a disk). The peers have none of these, and keep
# their data in memory, which is the fastest they can. A bare server of net/http is measured with them: what HTTP leaves room for.
# With BENCH_CPUS=0:1 the servers run on CPU 0 alone and the client on CPU 1 (lists as taskset takes them), so that the client takes
# nothing from the servers; else they share all. Needs Java 17, Maven, Node 20 and the binary in bin/; the peers are fetched
# into CACHE once, by their pinned versions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${1:?"usage: $0 CACHE [FLAGS OF bulkhead bench tables]"}
mkdir -p "$cache/peers"
cache=$(cd "$cache/peers" && pwd)
shift

if [ ! -e "$cache/ddblocal/done" ]; then
  mvn -q -B -f "$here/peers/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DoutputDirectory="$cache/ddblocal" -DincludeScope=runtime
  touch "$cache/ddblocal/done"
fi
if [ ! -e "$cache/node_modules/dynalite" ]; then
  cp "$here"/peers/package*.json "$cache/"
  npm ci --silent --no-audit --no-fund --prefix "$cache"
fi

# DynamoDB Local listens on all addresses and cannot be told not to. In a network of its own there is only loopback.
if [ -z "${BENCH_ALONE:-}" ]; then
  BENCH_ALONE=1 exec unshare --user --map-root-user --net "$0" "$(dirname "$cache")" "$@"
fi
ip link set lo up

servers=() client=()
if [ -n "${BENCH_CPUS:-}" ]; then servers=(taskset -c "${BENCH_CPUS%%:*}") client=(taskset -c "${BENCH_CPUS##*:}"); fi

data=$(mktemp -d -p "${BENCH_DIR:-${TMPDIR:-/tmp}}" bulkhead-peers.XXXXXX)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$data"
}
trap finish EXIT

(cd "$data" && LD_LIBRARY_PATH="$cache/ddblocal" exec "${servers[@]}" java -Xmx4g -cp "$cache/ddblocal/*" com.amazonaws.services.dynamodbv2.local.main.ServerRunner \
  -inMemory -sharedDb -port 4701) >"$data/ddblocal.log" 2>&1 &
pids+=($!)
"${servers[@]}" node --max-old-space-size=8192 "$cache/node_modules/dynalite/cli.js" --host 127.0.0.1 --port 4702 --createTableMs 0 --deleteTableMs 0 >"$data/dynalite.log" 2>&1 &
pids+=($!)
"${servers[@]}" "$root/bin/bulkhead" serve --listen 127.0.0.1:4703 --data "$data/store" --log-level warn >"$data/bulkhead.log" 2>&1 &
pids+=($!)
"${servers[@]}" "$root/bin/bulkhead" bench floor --listen 127.0.0.1:4704 >"$data/floor.log" 2>&1 &
pids+=($!)
for port in 4701 4702 4703 4704; do
  for _ in $(seq 150); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.2
  done
done

status=0
"${client[@]}" "$root/bin/bulkhead" bench tables --data "$data/store" \
  --endpoint Bulkhead=http://127.0.0.1:4703 --pid Bulkhead="${pids[2]}" \
  --endpoint "DynamoDB Local=http://127.0.0.1:4701" --pid "DynamoDB Local=${pids[0]}" \
  --endpoint dynalite=http://127.0.0.1:4702 --pid dynalite="${pids[1]}" \
  --floor http://127.0.0.1:4704 --pid floor="${pids[3]}" "$@" || status=$?
if [ "$status" != 0 ]; then tail -n 20 "$data"/*.log >&2; fi
exit "$status"
