#!/usr/bin/env bash
# Makes .cache/sophon for the tests of the sophon-tpu plugin, from the package registry alone: Sophgo's compiler and its
# simulator of the BM1684X (the wheel tpu_mlir), tiny Qwen3-VL models compiled with it, and the answers that an
# independent reference gives. Does nothing when that is there and up to date; says why and leaves it where it cannot be made.
#   lib/     libbmrt, libbmlib and the simulator      models/  a folder per variant      reference/  answers, pictures
# Only these are kept from run to run: the compiler's environment (1.5 GB) goes away, unless KEEP_COMPILER is set.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/python/install.sh

version=1.30.2
wheel_sha256=542807361c9eeb0777a7bd35e501d8c71cce767e4bce021a3cb3a7c25c35f909
tools=tools/sophon
out=.cache/sophon
variants=(static-bf16 dynamic-bf16 f16-sample history)

skip() {
  echo "$1: the tests on the simulator are skipped here." >&2
  exit 0
}

find_python() {
  local python
  for python in "${PYTHON310:-}" python3.10 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10.*/bin/python; do
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null; then
      "$python" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

wanted=$({ cat "$tools"/*.py "$tools/requirements.txt" "$tools/setup.sh"; echo "$wheel_sha256"; } | sha256sum | cut -d' ' -f1)
if [ "$(cat "$out/made-of.sha256" 2>/dev/null)" = "$wanted" ]; then
  echo "$out is up to date"
  exit
fi

[ "$(uname -sm)" = "Linux x86_64" ] || skip "Sophgo's simulator comes for Linux x86-64 only"
interpreter=$(find_python) || skip "Sophgo's compiler needs CPython 3.10, which is not here (PYTHON310 may name it)"

mkdir -p "$out"
compiler=.cache/tpu_mlir
mkdir -p "$compiler"
wheel=$compiler/tpu_mlir-$version-py3-none-any.whl
if [ ! -f "$wheel" ]; then
  pip_of "$interpreter" download "tpu_mlir==$version" --no-deps --only-binary=:all: --python-version 3.10 \
    -d "$compiler/incoming" || skip "The wheel tpu_mlir $version could not be downloaded"
  mv "$compiler/incoming/${wheel##*/}" "$wheel"
fi
if ! echo "$wheel_sha256  $wheel" | sha256sum --check --quiet -; then
  rm -f "$wheel"
  echo "tpu_mlir $version from the registry is not the file that is expected here (SHA-256 $wheel_sha256)." >&2
  exit 1
fi

environment=$compiler/python
if [ "$(cat "$environment/made-of.sha256" 2>/dev/null)" != "$wanted" ]; then
  rm -rf "$environment"
  "$interpreter" -m venv "$environment"
  install "$environment" "$environment/bin/python" --no-deps -r "$tools/requirements.txt" ||
    skip "The packages of $tools/requirements.txt could not be installed"
  install "$environment" "$environment/bin/python" --no-deps --no-compile "$wheel"
  # The wheel brings the C library of another system along, with which its programs crash on this one.
  rm -f "$environment"/lib/python3.10/site-packages/tpu_mlir/lib/third_party/{libc.so.6,libm.so.6,libpthread.so.0}
  echo "$wanted" > "$environment/made-of.sha256"
fi

export PATH="$PWD/$environment/bin:$PATH"
# What they import is compiled once, and goes away with the rest.
export PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$PWD/$compiler/pycache
libraries=$environment/lib/python3.10/site-packages/tpu_mlir/lib
mkdir -p "$out/lib" "$out/models" "$out/log"
# Each in one move: a server that has the old ones open keeps them.
for library in libbmrt.so.1.0 libbmlib.so.0 libcmodel_bm1684x.so; do
  name=${library/libcmodel_bm1684x/libcmodel}
  cp "$libraries/$library" "$out/lib/$name.new"
  mv "$out/lib/$name.new" "$out/lib/$name"
done

compile() {
  local variant=$1 folder
  folder=$(mktemp -d "$out/models/.$variant.XXXXXX")
  if ! python "$tools/make_bmodel.py" "$variant" "$folder" > "$out/log/$variant.log" 2>&1; then
    rm -rf "$folder"
    echo "The model $variant was not compiled; $out/log/$variant.log tells why." >&2
    return 1
  fi
  chmod 755 "$folder"
  rm -rf "$out/models/$variant"
  mv "$folder" "$out/models/$variant"
}
export -f compile
export tools out
printf '%s\n' "${variants[@]}" | xargs -P "$(nproc)" -I{} bash -c 'compile {}'
python "$tools/cases.py" "$out/models/static-bf16" "$out/reference"

# Written last: what was interrupted does not count.
echo "$wanted" > "$out/made-of.sha256"
[ -n "${KEEP_COMPILER:-}" ] || rm -rf "$environment" "$compiler"
echo "$out is ready"
