#!/bin/sh
# The ways to install that the README names, each followed by `meshc build` of an example away from the
# checkout, with the manual page where one is promised.
#
#   ./dev bare benchmarks/install_ways.sh     in a bare Debian made for it (root on Debian)
#   benchmarks/install_ways.sh                here; installs Debian packages, and into a directory of its own
set -eu
cd "$(dirname "$0")/.."
ROOT=$PWD
PLACE=$(mktemp -d "${TMPDIR:-/tmp}/meshc-ways.XXXXXX")
trap 'rm -rf "$PLACE"' EXIT
export HOME="$PLACE/home" DEBIAN_FRONTEND=noninteractive
mkdir "$HOME"

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
builds() { # builds WAY COMMAND...
  way=$1; shift
  elsewhere=$PLACE/network-$way
  mkdir "$elsewhere"
  cp "$ROOT/examples/topologies/relay/mesh.yaml" "$elsewhere/"
  (cd "$elsewhere" && "$@" --version && "$@" build mesh.yaml >out)
  [ -s "$elsewhere/build/phone/wg0.conf" ]
  say "$way: built"
}

apt-get update -q >/dev/null
apt-get install -qy --no-install-recommends pipx python3-venv >/dev/null

say "pipx install ."
pipx install . >/dev/null 2>&1
builds pipx "$HOME/.local/bin/meshc"
find "$HOME/.local" -name meshc-build.1 | grep -q . || { echo "pipx: no manual page" >&2; exit 1; }

say "uv tool install ."
python3 -m venv "$PLACE/tools"
"$PLACE/tools/bin/pip" install -q uv
XDG_BIN_HOME="$PLACE/uv" UV_TOOL_DIR="$PLACE/uv-tools" "$PLACE/tools/bin/uv" tool install -q .
builds uv "$PLACE/uv/meshc"

say "a wheel"
./dev wheels >/dev/null
python3 -m venv "$PLACE/env"
"$PLACE/env/bin/pip" install -q dist/meshc-[0-9]*.whl
builds wheel "$PLACE/env/bin/meshc"
[ -s "$PLACE/env/share/man/man1/meshc-build.1" ]

say "one file"
./dev zipapp >/dev/null
cp dist/meshc.pyz "$PLACE/"
builds zipapp python3 "$PLACE/meshc.pyz"
say "all four ways"
