#!/usr/bin/env bash
# Compiles vision.c and writes it into src/vision-wasm.ts. Needs the C compiler zig 0.15.1 as python3 -m ziglang, or
# what ZIG says: python3 -m venv .cache/zig && .cache/zig/bin/pip install ziglang==0.15.1
# With --print, the compiled module goes to stdout in base64 and nothing is written.
set -euo pipefail
cd "$(dirname "$0")"
python=../../../.cache/zig/bin/python
[ -x "$python" ] || python=python3
read -r -a zig <<<"${ZIG:-$python -m ziglang}"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${zig[@]}" cc -target wasm32-freestanding -mcpu=generic+simd128 -O2 -nostdlib -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=32768 \
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
