#!/usr/bin/env bash
# Builds the stand-ins for libbmlib and libbmrt into the folder $1, unless they are there and newer than their sources.
# With SANITIZE=address they are built for the address sanitizer.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
abi=../../native/src

newest=$(ls -t ./*.cc ./*.h build.sh $abi/abi.h | head -n 1)
if [ "$folder/libbmrt.so.1.0" -nt "$newest" ] && [ "$folder/libbmlib.so.0" -nt "$newest" ]; then exit 0; fi

flags=(-std=c++17 -O1 -g1 -Wall -Wextra -Werror -fPIC -shared -pthread "-I$abi")
if [ "${SANITIZE:-}" = address ]; then flags+=(-fsanitize=address -fno-omit-frame-pointer); fi
# In one move, since several test files may build at once. What libbmrt uses of libbmlib it finds when both are loaded.
temporary=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
"${CXX:-g++}" "${flags[@]}" control.cc bmlib.cc -o "$temporary/libbmlib.so.0"
"${CXX:-g++}" "${flags[@]}" bmrt.cc -o "$temporary/libbmrt.so.1.0"
mv "$temporary"/lib* "$folder/"
