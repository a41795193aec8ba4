#!/usr/bin/env bash
# Makes the Python environments of the tests: .cache/python for the clients, .cache/upstreams for the servers behind
# Backplane, .cache/mlx and .cache/mlx-openai-server (1 GB) for the mlx plugin. Does nothing for those that are there and up
# to date, and says which cannot be made here. PYTHON names another interpreter than python3.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/python/install.sh

tools=tools/python
system=$(uname -sm)
interpreter=${PYTHON:-python3}
installer=.cache/uv

# python_is EXPRESSION: whether that is true of the interpreter's `version`, a tuple.
python_is() {
  "$interpreter" -c "import sys; version = sys.version_info; sys.exit(not ($1))" 2>/dev/null
}

# prepare ENVIRONMENT REQUIREMENTS OPTION STEP [FILE...]: installs what the requirements say, with pip's OPTION, and runs
# STEP ENVIRONMENT. The files are what STEP takes: where they change it is made anew.
prepare() {
  local environment=$1 requirements=$2 option=$3 step=$4 wanted
  wanted=$({ "$interpreter" --version && cat "$requirements" "${@:5}"; } | "$interpreter" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
  if [ "$(cat "$environment/requirements.sha256" 2>/dev/null)" = "$wanted" ]; then
    echo "$environment is up to date"
    return
  fi
  rm -rf "$environment"
  "$interpreter" -m venv --without-pip "$environment"
  [ -x $installer/bin/python ] || "$interpreter" -m venv $installer
  install $installer "$environment/bin/python" $option -r "$requirements"
  "$step" "$environment"
  # Written last: an installation that was interrupted does not count.
  echo "$wanted" > "$environment/requirements.sha256"
  echo "$environment is ready"
}

check() {
  pip_of $installer/bin/python --python "$1/bin/python" check
}

# Its requirements leave out what no test reaches.
nothing() {
  :
}

# What is in place of PyTorch, and ffmpeg where a search for it looks.
put_stubs() {
  local environment=$1
  cp -R "$tools/torch-stub/torch" "$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch"
  ln -s "$("$environment/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" "$environment/bin/ffmpeg"
}

if ! python_is 'version >= (3, 11)'; then
  echo "The tests' clients and servers need Python 3.11 or newer, and $interpreter is not that; set PYTHON to one that is." >&2
  exit 1
fi

prepare .cache/python $tools/requirements.txt --no-deps check

if [ "$system" = "Linux x86_64" ]; then
  prepare .cache/upstreams $tools/upstream-requirements.txt --no-deps nothing
else
  echo "The servers of .cache/upstreams come for Linux x86-64 only: tests put other Backplanes behind Backplane instead."
fi

case "$system" in
  "Linux x86_64" | "Linux aarch64" | "Darwin arm64") ;;
  *)
    echo "MLX comes for Linux and Apple silicon only: the tests of the mlx plugin are skipped here."
    exit 0
    ;;
esac
prepare .cache/mlx $tools/mlx-requirements.txt "" check
if python_is 'version < (3, 13)'; then
  prepare .cache/mlx-openai-server $tools/mlx-openai-server-requirements.txt --no-deps put_stubs $tools/torch-stub/torch/*.py
else
  echo "mlx-openai-server needs Python 3.11 or 3.12, and $interpreter is newer: the tests with it are skipped here."
fi
