#!/usr/bin/env bash
# Runs the README's tour as it stands, or another page's: every sh block, in order, in one shell. Usage: readme.sh VENV [PAGE]
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
venv=$(cd "$1" && pwd)
page=${2:-README.md}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT
awk '/^```sh$/ {on=1; next} /^```$/ {on=0} on' "$top/$page" | grep -v '^make build$' > "$work/tour.sh"
[ -s "$work/tour.sh" ] || { echo "$page has no tour"; exit 1; }
mkdir "$work/bin"
ln -s "$top/bin/bulkhead" "$work/bin/bulkhead"
cd "$work"
export PATH="$venv/bin:$PATH" AWS_EC2_METADATA_DISABLED=true AWS_PAGER=
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE
set +u
. ./tour.sh
echo "the tour of $page passed"
