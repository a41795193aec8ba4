#!/usr/bin/env bash
# Builds the addon with the system's C++ compiler into native/build/sophon.node. Needs g++ (or what CXX names) and the two
# header packages of package.json; nothing is downloaded. SANITIZE=address builds native/build/sophon-asan.node instead.
set -euo pipefail
cd "$(dirname "$0")"

compiler=${CXX:-g++}
if ! command -v "${compiler%% *}" > /dev/null; then
  echo "There is no C++ compiler $compiler: install g++ (Debian: apt-get install g++), or name one in CXX." >&2
  exit 1
fi
# The folder of a package, wherever npm put it.
package() {
  node -e 'console.log(require("path").dirname(require.resolve(process.argv[1] + "/package.json")))' "$1"
}
addon_api=$(package node-addon-api)
api_headers=$(package node-api-headers)

name=sophon
flags=(-std=c++17 -O2 -g1 -Wall -Wextra -fPIC -fvisibility=hidden -shared -pthread)
# Elsewhere another compiler may warn of something new; that must not keep anybody from a working addon.
if [ "${CI:-}" = true ]; then flags+=(-Werror); fi
if [ "${SANITIZE:-}" = address ]; then
  name=sophon-asan
  flags+=(-fsanitize=address -fno-omit-frame-pointer)
fi
defines=(-DNAPI_VERSION=8 -DNODE_ADDON_API_CPP_EXCEPTIONS_ALL -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)

output=${OUTPUT:-build/$name.node}
mkdir -p "$(dirname "$output")"
# shellcheck disable=SC2086 # CXX may be several words.
$compiler "${flags[@]}" "${defines[@]}" -isystem "$addon_api" -isystem "$api_headers/include" src/*.cc -o "$output.new" -ldl
# In one move: a server that has the old one open keeps it.
mv "$output.new" "$output"
echo "$(pwd)/$output is built"
