#!/usr/bin/env bash
# Installs the clients of the conformance tests: the Python packages (boto3, the AWS CLI) into CACHE/venv, the JavaScript
# packages (AWS SDK v3, amazon-cognito-identity-js) into js/node_modules. Needs python3 with venv, node and npm. What is
# installed already, by the hash of its lock file, is left alone.
#
#   test/conformance/install.sh CACHE
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 CACHE" >&2; exit 2; }
mkdir -p "$1"
cache=$(cd "$1" && pwd)
cd "$(dirname "$0")"

missing=
for tool in python3 node npm; do
  command -v "$tool" >/dev/null || missing+=" $tool"
done
if [ -n "$missing" ]; then
  echo "$0: not found:$missing. Debian: apt-get install python3-venv nodejs npm" >&2
  exit 1
fi

# stamp prints what an installation depends on.
stamp() { { cat "$@"; python3 --version; node --version; } | sha256sum | cut -d' ' -f1; }

# current tells whether the stamp file $1 holds $2.
current() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

python=$(stamp requirements.txt)
if ! current "$cache/venv/stamp" "$python" || ! [ -x "$cache/venv/bin/python" ]; then
  echo "installing boto3 and the AWS CLI into $cache/venv"
  rm -rf "$cache/venv"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
  echo "$python" >"$cache/venv/stamp"
fi

js=$(stamp js/package.json js/package-lock.json)
if ! current js/node_modules/stamp "$js"; then
  echo "installing the AWS SDK for JavaScript into js/node_modules"
  npm --prefix js ci --no-audit --no-fund --loglevel=error
  echo "$js" >js/node_modules/stamp
fi
