#!/bin/sh
# A new wg-quick file on trial. Until it is confirmed, /etc/wireguard/IFACE.conf stays the old one: a machine
# that is restarted meanwhile comes up as it was. Who decides is a rename: of two only one succeeds.
#
#   switch.sh state IFACE           prints "differs" where the new file is not what runs, else "same"
#   switch.sh try IFACE SECONDS     brings it up; goes back after that time, or at once when it fails
#   switch.sh outcome IFACE         prints "up", "back" or "trying"
#   switch.sh confirm IFACE         keeps it
set -eu
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
self=/etc/wireguard/meshc-ansible/switch.sh
interface=$2
new=/etc/wireguard/meshc-ansible/$interface.conf
file=/etc/wireguard/$interface.conf
trial=/run/meshc-ansible/$interface

is_up() { ip link show dev "$interface" >/dev/null 2>&1; }
down() { # down FILE: by the hooks of what is up
  is_up || return 0
  if [ -e "$1" ]; then wg-quick down "$1" || :; fi
  ! is_up || ip link delete dev "$interface"
}
bring_up() { down "$file" && wg-quick up "$new"; }
go_back() {
  mv "$trial.armed" "$trial.back" 2>/dev/null || return 0
  down "$new"
  [ ! -e "$trial.was-up" ] || wg-quick up "$file"
}
arm() { # the watcher outlives the connection that starts it, and keeps none of its files open
  if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
    systemd-run --quiet --collect --on-active="$1" --timer-property=AccuracySec=100ms \
      "$self" expire "$interface" "$2"
  else
    setsid sh -c 'sleep "$1"; exec "$2" expire "$3" "$4"' sh "$1" "$self" "$interface" "$2" \
      </dev/null >/dev/null 2>&1 &
  fi
}

case $1 in
  state)
    if cmp -s "$new" "$file" && is_up; then echo same; else echo differs; fi ;;
  try)
    mkdir -p "${trial%/*}"
    if [ -e "$trial.armed" ]; then echo "a trial of $interface is under way" >&2; exit 1; fi
    rm -f "$trial".*
    ! is_up || : >"$trial.was-up"
    token=$(cat /proc/sys/kernel/random/uuid)
    echo "$token" >"$trial.armed"
    arm "$3" "$token"
    if bring_up >"$trial.log" 2>&1; then : >"$trial.up"
    else
      go_back >>"$trial.log" 2>&1
      echo "the new file of $interface did not come up; $trial.log says why, and the old one is back" >&2
      exit 1
    fi ;;
  expire) # of an earlier trial: nothing
    [ "$(cat "$trial.armed" 2>/dev/null)" = "$3" ] || exit 0
    # not amid what is just coming up, unless that hangs
    left=30
    while [ -e "$trial.armed" ] && [ ! -e "$trial.up" ] && [ "$left" -gt 0 ]; do
      sleep 1; left=$((left - 1))
    done
    go_back >>"$trial.log" 2>&1 ;;
  outcome)
    if [ -e "$trial.back" ]; then echo back
    elif [ -e "$trial.up" ]; then echo up
    else echo trying; fi ;;
  confirm)
    if ! [ -e "$trial.up" ] || ! mv "$trial.armed" "$trial.confirmed" 2>/dev/null; then
      echo "$interface went back to its old file; $trial.log says why" >&2
      exit 1
    fi
    cp "$new" "$file.new"
    mv "$file.new" "$file"
    rm -f "$trial".* ;;
  *) echo "unknown: $1" >&2; exit 2 ;;
esac
