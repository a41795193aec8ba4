#!/usr/bin/env bash
# Compiles the addon for the processor of a box (aarch64, glibc 2.28) with zig from PyPI: a check that it does compile.
# What comes out must not be used: it cannot catch what libbmrt throws (docs/sophon-native.md), so a box builds its own.
# Needs Python 3 with venv; about 450 MB below .cache/zig. PYTHON names another interpreter than python3.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/python/install.sh

version=0.17.1
if [ "$(cat .cache/zig/version 2>/dev/null)" != "$version" ]; then
  rm -rf .cache/zig
  "${PYTHON:-python3}" -m venv .cache/zig
  if ! install .cache/zig .cache/zig/bin/python --only-binary=:all: "ziglang==$version"; then
    echo "skipped: whether the addon compiles for aarch64 (no ziglang $version to be had from PyPI)"
    exit 0
  fi
  # Written last: an installation that was interrupted does not count.
  echo "$version" > .cache/zig/version
fi

export ZIG_GLOBAL_CACHE_DIR=$PWD/.cache/zig/build ZIG_LOCAL_CACHE_DIR=$PWD/.cache/zig/build
CXX="$PWD/.cache/zig/bin/python -m ziglang c++ -target aarch64-linux-gnu.2.28" OUTPUT=build/sophon-aarch64.node \
  bash plugins/sophon-tpu/native/build.sh
# Offset 18 of an ELF header: 183 is aarch64.
machine=$(od -An -t u2 -j 18 -N 2 plugins/sophon-tpu/native/build/sophon-aarch64.node | tr -d ' ')
if [ "$machine" != 183 ]; then
  echo "What was built is for machine $machine, not for aarch64." >&2
  exit 1
fi
echo "the addon compiles for aarch64"
