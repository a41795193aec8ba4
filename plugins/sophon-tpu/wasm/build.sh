#!/usr/bin/env bash
# Compiles vision.c and writes it into src/vision-wasm.ts. Needs zig 0.17.1 from PyPI in .cache/zig, where
# tools/sophon/aarch64.sh puts it. With --print, the compiled module goes to stdout in base64 and nothing is written.
set -euo pipefail
cd "$(dirname "$0")"
cache=$(cd ../../.. && pwd)/.cache/zig
if [ "$(cat "$cache/version" 2>/dev/null)" != 0.17.1 ]; then
  echo "There is no zig 0.17.1 in $cache; bash tools/sophon/aarch64.sh puts it there." >&2
  exit 1
fi
export ZIG_GLOBAL_CACHE_DIR=$cache/build ZIG_LOCAL_CACHE_DIR=$cache/build

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$cache/bin/python" -m ziglang cc -target wasm32-freestanding -mcpu=generic+simd128 -O2 -nostdlib -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=32768 \
  -o "$folder/vision.wasm" vision.c
module=$(base64 -w0 "$folder/vision.wasm")
if [ "${1:-}" = --print ]; then
  echo "$module"
  exit
fi
{
  echo '/** wasm/vision.c, compiled by wasm/build.sh, which writes this file. */'
  echo 'export const visionWasm ='
  echo "  '$module';"
} > ../src/vision-wasm.ts
