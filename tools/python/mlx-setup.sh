#!/usr/bin/env bash
# Makes .cache/mlx: the Python environment with the real mlx_lm.server, for the tests of the mlx plugin. Does nothing when
# it is there and up to date. PYTHON names another interpreter than python3.
set -euo pipefail
cd "$(dirname "$0")/../.."

interpreter=${PYTHON:-python3}
environment=.cache/mlx
requirements=tools/python/mlx-requirements.txt

case "$(uname -sm)" in
  "Linux x86_64" | "Linux aarch64" | "Darwin arm64") ;;
  *)
    echo "MLX comes for Linux and Apple silicon only: the tests of the mlx plugin are skipped here."
    exit 0
    ;;
esac

if ! "$interpreter" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "The MLX tests need Python 3.11 or newer, and $interpreter is not that; set PYTHON to one that is." >&2
  exit 1
fi

wanted=$({ "$interpreter" --version && cat "$requirements"; } | "$interpreter" -c \
  'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
if [ "$(cat "$environment/requirements.sha256" 2>/dev/null)" = "$wanted" ]; then
  echo "$environment is up to date"
  exit
fi
rm -rf "$environment"
"$interpreter" -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements"
"$environment/bin/python" -m pip check --disable-pip-version-check
# Written last: an installation that was interrupted does not count.
echo "$wanted" > "$environment/requirements.sha256"
echo "$environment is ready"
