#!/bin/bash
# What wg-quick(8) would run for wg0.
set -e -o pipefail
shopt -s extglob
export LC_ALL=C
run() { (eval "$1"); }
up() {
run 'iptables -w -D INPUT -j MESHC-IN-wg0 2>/dev/null || true; iptables -w -F MESHC-IN-wg0 2>/dev/null || true; iptables -w -X MESHC-IN-wg0 2>/dev/null || true'
run 'iptables -w -D FORWARD -j MESHC-FWD-wg0 2>/dev/null || true; iptables -w -F MESHC-FWD-wg0 2>/dev/null || true; iptables -w -X MESHC-FWD-wg0 2>/dev/null || true'
run 'iptables -w -F MESHC-POL-wg0 2>/dev/null || true; iptables -w -X MESHC-POL-wg0 2>/dev/null || true'
run 'ip6tables -w -D INPUT -j MESHC-IN-wg0 2>/dev/null || true; ip6tables -w -F MESHC-IN-wg0 2>/dev/null || true; ip6tables -w -X MESHC-IN-wg0 2>/dev/null || true'
run 'ip6tables -w -D FORWARD -j MESHC-FWD-wg0 2>/dev/null || true; ip6tables -w -F MESHC-FWD-wg0 2>/dev/null || true; ip6tables -w -X MESHC-FWD-wg0 2>/dev/null || true'
run 'ip6tables -w -F MESHC-POL-wg0 2>/dev/null || true; ip6tables -w -X MESHC-POL-wg0 2>/dev/null || true'
run 'nft delete table inet meshc-wg0 2>/dev/null || true'
run '[ "$(grep -c -e '"'"'^.iptables '"'"' -e '"'"'^.ip6tables '"'"' -e '"'"'^.nft '"'"' "$CONFIG_FILE")" = 80 ] || { echo '"'"'comments with firewall rules are missing in this file'"'"' >&2 && false; }'
run 'if command -v iptables-restore >/dev/null; then sed -n '"'"'/^.iptables /{s///;s/[%]i/wg0/g;p}'"'"' "$CONFIG_FILE" | iptables-restore -w --noflush; fi'
run 'if command -v iptables-restore >/dev/null; then sed -n '"'"'/^.ip6tables /{s///;s/[%]i/wg0/g;p}'"'"' "$CONFIG_FILE" | ip6tables-restore -w --noflush; fi'
run 'if ! command -v iptables-restore >/dev/null; then sed -n '"'"'/^.nft /{s///;s/[%]i/wg0/g;p}'"'"' "$CONFIG_FILE" | nft -f -; fi'
run 'echo wg0 comes up'
ip link set dev wg0 up
run 'echo wg0 is up'
run 'logger "wg0 is up"'
}
down() {
run 'echo wg0 goes down'
ip link set dev wg0 down || true
run 'iptables -w -D INPUT -j MESHC-IN-wg0 2>/dev/null || true; iptables -w -F MESHC-IN-wg0 2>/dev/null || true; iptables -w -X MESHC-IN-wg0 2>/dev/null || true'
run 'iptables -w -D FORWARD -j MESHC-FWD-wg0 2>/dev/null || true; iptables -w -F MESHC-FWD-wg0 2>/dev/null || true; iptables -w -X MESHC-FWD-wg0 2>/dev/null || true'
run 'iptables -w -F MESHC-POL-wg0 2>/dev/null || true; iptables -w -X MESHC-POL-wg0 2>/dev/null || true'
run 'ip6tables -w -D INPUT -j MESHC-IN-wg0 2>/dev/null || true; ip6tables -w -F MESHC-IN-wg0 2>/dev/null || true; ip6tables -w -X MESHC-IN-wg0 2>/dev/null || true'
run 'ip6tables -w -D FORWARD -j MESHC-FWD-wg0 2>/dev/null || true; ip6tables -w -F MESHC-FWD-wg0 2>/dev/null || true; ip6tables -w -X MESHC-FWD-wg0 2>/dev/null || true'
run 'ip6tables -w -F MESHC-POL-wg0 2>/dev/null || true; ip6tables -w -X MESHC-POL-wg0 2>/dev/null || true'
run 'nft delete table inet meshc-wg0 2>/dev/null || true'
run '{ echo '"'"'*filter'"'"'; iptables-save -t filter | sed -n '"'"'s/^:\(MESHC-S[0-9]*-wg0\) .*/-F \1\n-X \1/p'"'"'; echo COMMIT; } 2>/dev/null | iptables-restore -w --noflush 2>/dev/null || true'
run '{ echo '"'"'*filter'"'"'; ip6tables-save -t filter | sed -n '"'"'s/^:\(MESHC-S[0-9]*-wg0\) .*/-F \1\n-X \1/p'"'"'; echo COMMIT; } 2>/dev/null | ip6tables-restore -w --noflush 2>/dev/null || true'
run 'echo wg0 is down'
}
case "${1-}" in
up) trap 'ip link set dev wg0 down' EXIT; up; trap - EXIT ;;
down) down ;;
*) echo "usage: $0 up|down" >&2; exit 2 ;;
esac
