# Sourced, from the project's root.

# pip_of PYTHON ARGUMENT...: pip of that interpreter, saying nothing but what goes wrong.
pip_of() {
  "$1" -m pip --quiet --disable-pip-version-check --no-input "${@:2}"
}

# install INSTALLER PYTHON ARGUMENT...: for that interpreter, with uv, which the environment INSTALLER gets if it has none: it
# takes seconds for what pip takes minutes for. Where it cannot reach the registry, pip may have been told how to.
install() {
  local installer=$1/bin
  [ -x "$installer/uv" ] || pip_of "$installer/python" install uv==0.13.9 || return 1
  "$installer/uv" pip install --quiet --python "$2" "${@:3}" || pip_of "$installer/python" --python "$2" install "${@:3}"
}
