#!/bin/sh
# A bare machine: a root directory made by debootstrap (minbase, with python3 and a shell), entered by
# pivot_root, in which a fresh clone of this checkout runs the two commands that a stranger would.
#
#   ./dev bare                     ./dev demo, then .ci/run
#   ./dev bare ./dev demo          only this command
#   ./dev bare benchmarks/install_ways.sh   the ways to install
#
# Root on Debian only. Lies in $TMPDIR and is removed, also when a command failed; KEEP=1 keeps it.
# The network is the host's, and so are its certificates and what its package managers are told
# (apt's sources and settings, pip's): the machine is bare, not cut off.
set -eu
cd "$(dirname "$0")/.."
CHECKOUT=$PWD
PACKAGES="python3"

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() { printf 'bare: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die "needs root: a root directory is made and entered"
[ -r /etc/debian_version ] || die "needs Debian: debootstrap makes a root of the host's own release"
for tool in debootstrap git unshare pivot_root; do
  command -v "$tool" >/dev/null 2>&1 || die "$tool is not installed (apt install debootstrap git util-linux)"
done
# shellcheck disable=SC1091  # sets VERSION_CODENAME
. /etc/os-release

BARE=$(mktemp -d "${TMPDIR:-/tmp}/meshc-bare.XXXXXX")
trap '[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$BARE"' EXIT
trap 'exit 130' INT TERM
ROOT=$BARE/root

say "debootstrap $VERSION_CODENAME (minbase, $PACKAGES)"
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $VERSION_CODENAME" | head -n 1)
debootstrap --variant=minbase --include="$PACKAGES" "$VERSION_CODENAME" "$ROOT" "$mirror" \
  >"$BARE/log" 2>&1 || { tail -n 20 "$BARE/log" >&2; die "debootstrap failed"; }

# what the host's package managers know; nothing that it has installed
rm -f "$ROOT/etc/apt/sources.list"
for place in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/pip.conf \
             /etc/ssl/certs/ca-certificates.crt /usr/local/share/ca-certificates; do
  [ ! -e "$place" ] || { mkdir -p "$ROOT$(dirname "$place")"; cp -RL "$place" "$ROOT$(dirname "$place")/"; }
done
cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
cp /etc/hosts "$ROOT/etc/hosts"
# in root's home, which nobody else may read
git clone -q "$CHECKOUT" "$ROOT/root/meshc"
chmod 700 "$ROOT/root"

# Runs inside of new namespaces: the host's devices and kernel, nothing else of it.
# shellcheck disable=SC2016  # expanded there
ENTER='
set -eu
cd "$1"; shift
mount --make-rprivate /
mount --bind . .
cd "$PWD"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mkdir .host
pivot_root . .host
cd /
umount -l /.host; rmdir /.host
cd /root/meshc
exec "$@"
'
inside() {
  say "$*"
  started=$(date +%s)
  env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    $(env | sed -n 's/^\(PIP_[A-Z_]*\|SSL_CERT_[A-Z]*\|[a-z]*_proxy\|[A-Z]*_PROXY\|CARGO_[A-Z_]*\)=\([^ ]*\)$/\1=\2/p') \
    unshare --mount --pid --ipc --uts --fork --kill-child \
    sh -c "$ENTER" sh "$ROOT" "$@"
  say "$* passed in $(($(date +%s) - started)) s"
}

if [ $# -gt 0 ]; then inside "$@"; else inside ./dev demo; inside .ci/run; fi
