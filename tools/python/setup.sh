#!/usr/bin/env bash
# Makes the Python environments of the tests: .cache/python for the clients, .cache/upstreams for the servers behind
# Backplane. Does nothing when they are there and up to date. PYTHON names another interpreter than python3.
set -euo pipefail
cd "$(dirname "$0")/../.."

interpreter=${PYTHON:-python3}

if ! "$interpreter" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "The client tests need Python 3.11 or newer, and $interpreter is not that; set PYTHON to one that is." >&2
  exit 1
fi

# prepare ENVIRONMENT REQUIREMENTS: what it holds is exactly what the file says.
prepare() {
  local environment=$1 requirements=$2 wanted
  wanted=$({ "$interpreter" --version && cat "$requirements"; } | "$interpreter" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
  if [ "$(cat "$environment/requirements.sha256" 2>/dev/null)" = "$wanted" ]; then
    echo "$environment is up to date"
    return
  fi
  rm -rf "$environment"
  "$interpreter" -m venv "$environment"
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps -r "$requirements"
  if [ "${3:-}" = complete ]; then "$environment/bin/python" -m pip check --disable-pip-version-check; fi
  # Written last: an installation that was interrupted does not count.
  echo "$wanted" > "$environment/requirements.sha256"
  echo "$environment is ready"
}

prepare .cache/python tools/python/requirements.txt complete
if [ "$(uname -sm)" = "Linux x86_64" ]; then
  prepare .cache/upstreams tools/python/upstream-requirements.txt
else
  echo "The servers of .cache/upstreams come for Linux x86-64 only: tests put other Backplanes behind Backplane instead."
fi
