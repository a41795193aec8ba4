#!/usr/bin/env bash
# Makes .cache/mlx-openai-server: the Python environment with the real mlx-openai-server, for the slower tests of the mlx
# plugin. Does nothing when it is there and up to date. PYTHON names another interpreter than python3. 1 GB.
set -euo pipefail
cd "$(dirname "$0")/../.."

interpreter=${PYTHON:-python3}
environment=.cache/mlx-openai-server
requirements=tools/python/mlx-openai-server-requirements.txt
stub=tools/python/torch-stub

case "$(uname -sm)" in
  "Linux x86_64" | "Linux aarch64" | "Darwin arm64") ;;
  *)
    echo "MLX comes for Linux and Apple silicon only: the tests with mlx-openai-server are skipped here."
    exit 0
    ;;
esac

if ! "$interpreter" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
  echo "mlx-openai-server needs Python 3.11 or 3.12, and $interpreter is not that: the tests with it are skipped here." >&2
  exit 0
fi

wanted=$({ "$interpreter" --version && cat "$requirements" "$stub"/torch/*.py "$0"; } | "$interpreter" -c \
  'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
if [ "$(cat "$environment/requirements.sha256" 2>/dev/null)" = "$wanted" ]; then
  echo "$environment is up to date"
  exit
fi
rm -rf "$environment"
"$interpreter" -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps -r "$requirements"
# What is in place of PyTorch, and ffmpeg where a search for it looks.
cp -R "$stub/torch" "$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch"
ln -s "$("$environment/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" "$environment/bin/ffmpeg"
# Written last: an installation that was interrupted does not count.
echo "$wanted" > "$environment/requirements.sha256"
echo "$environment is ready"
