#!/usr/bin/env bash
# Runs a throw-away PostgreSQL on a loopback port of its own, with all data in a temporary directory.
#
#   test/postgres.sh run COMMAND...   run COMMAND with BULKHEAD_TEST_POSTGRES set to the server's URL; stop it after.
#                                     Without PostgreSQL, except in CI, run COMMAND alone: it skips what needs the server
#   test/postgres.sh start            start it and print its URL; it stops when its standard input ends or on a signal. A line
#                                     "stop" on its standard input ends it at once, as a crash does, and "go" starts it again at
#                                     the same port; it prints the line when that is done
set -euo pipefail

usage() {
  echo "usage: $0 run COMMAND... | start" >&2
  exit 2
}

# bin_dir prints the folder of the newest installed server.
bin_dir() {
  local dir
  for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
    if [ -x "$dir/initdb" ]; then echo "$dir"; return; fi
  done
  if dir=$(command -v initdb); then dirname "$(readlink -f "$dir")"; return; fi # beside the real file, not a link to it, are the others
  echo "$0: no PostgreSQL server found in /usr/lib/postgresql/*/bin or PATH (Debian: apt-get install postgresql)" >&2
  return 1
}

# prefix is what runs a command as an account that the server accepts: it refuses root. Not a function, because a function
# in the background is a shell of its own, which would take the signals meant for the server.
prefix=()
if [ "$(id -u)" = 0 ]; then prefix=(setpriv --reuid=postgres --regid=postgres --init-groups --); fi

bin= dir= server= child=

cleanup() {
  local status=$?
  trap - EXIT INT TERM HUP
  if [ -n "$child" ] && kill -0 "$child" 2>/dev/null; then kill -TERM "$child" 2>/dev/null || true; wait "$child" 2>/dev/null || true; fi
  if [ -n "$server" ]; then
    kill -QUIT "$server" 2>/dev/null || true # immediate shutdown: the data goes anyway
    wait "$server" 2>/dev/null || true
  fi
  if [ -n "$dir" ]; then rm -rf "$dir"; fi
  exit "$status"
}

start() {
  bin=$(bin_dir)
  dir=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-postgres.XXXXXX")
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
  cd "$dir"
  if ! "${prefix[@]}" "$bin/initdb" -D "$dir/data" -U bulkhead --auth=trust --encoding=UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1; then
    cat "$dir/initdb.log" >&2
    return 1
  fi
  cd "$OLDPWD"
  local tries
  for tries in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 30000))
    launch
    if wait_ready "$bin"; then
      url="postgres://bulkhead@127.0.0.1:$port/postgres?sslmode=disable"
      return 0
    fi
    wait "$server" 2>/dev/null || true
    server=
  done
  cat "$dir/server.log" >&2
  return 1
}

# launch starts the server on what is in its directory. It is not durable against a crash of the machine, which throw-away data
# need not be. $! is the server itself: setpriv becomes it.
launch() {
  (cd "$dir" && exec "${prefix[@]}" "$bin/postgres" -D "$dir/data" -h 127.0.0.1 -p "$port" -k "$dir" -c fsync=off -c max_connections=200 \
    >>"$dir/server.log" 2>&1) &
  server=$!
}

# wait_ready waits until the server answers, or fails when it has exited (a taken port, for one).
wait_ready() {
  local i
  for i in $(seq 1 300); do
    if ! kill -0 "$server" 2>/dev/null; then return 1; fi
    if "$1/pg_isready" -q -h 127.0.0.1 -p "$port" -U bulkhead; then return 0; fi
    sleep 0.1
  done
  kill -QUIT "$server" 2>/dev/null || true
  return 1
}

case "${1:-}" in
  run)
    shift
    [ $# -gt 0 ] || usage
    if [ "${CI:-}" != true ] && ! bin_dir >/dev/null; then
      echo "$0: tests on PostgreSQL are skipped" >&2
      exec "$@"
    fi
    start
    BULKHEAD_TEST_POSTGRES="$url" "$@" &
    child=$!
    status=0
    wait "$child" || status=$?
    child=
    exit "$status"
    ;;
  start)
    start
    echo "$url"
    while read -r line; do
      case $line in
        stop)
          kill -QUIT "$server"
          wait "$server" 2>/dev/null || true
          server=
          ;;
        go)
          launch
          wait_ready "$bin" || { cat "$dir/server.log" >&2; exit 1; }
          ;;
        *) usage ;;
      esac
      echo "$line"
    done
    ;;
  *) usage ;;
esac
