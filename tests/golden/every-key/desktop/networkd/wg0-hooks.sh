#!/bin/bash
# What wg-quick(8) would run for wg0.
set -e -o pipefail
shopt -s extglob
export LC_ALL=C
CONFIG_FILE=$0
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
#iptables *filter
#iptables :MESHC-S0-%i - [0:0]
#iptables :MESHC-POL-%i - [0:0]
#iptables :MESHC-FWD-%i - [0:0]
#iptables :MESHC-IN-%i - [0:0]
#iptables -A MESHC-S0-%i -d 10.44.0.27/32 -p icmp -j RETURN
#iptables -A MESHC-S0-%i -d 10.44.0.27/32 -p tcp --dport 22 -j RETURN
#iptables -A MESHC-S0-%i -d 10.44.0.27/32 -p tcp --dport 8000:8100 -j RETURN
#iptables -A MESHC-S0-%i -d 10.44.0.27/32 -p udp --dport 53 -j RETURN
#iptables -A MESHC-S0-%i -j DROP
#iptables -A MESHC-POL-%i -s 10.44.0.1/32 -g MESHC-S0-%i
#iptables -A MESHC-POL-%i -s 10.44.0.2/32 -g MESHC-S0-%i
#iptables -A MESHC-POL-%i -s 10.44.0.27/32 -g MESHC-S0-%i
#iptables -A MESHC-POL-%i -s 10.44.0.35/32 -g MESHC-S0-%i
#iptables -A MESHC-POL-%i -s 10.44.0.47/32 -g MESHC-S0-%i
#iptables -A MESHC-POL-%i -s 10.44.0.164/32 -g MESHC-S0-%i
#iptables -A MESHC-POL-%i -j DROP
#iptables -A MESHC-FWD-%i -i %i -m conntrack ! --ctstate RELATED,ESTABLISHED -j MESHC-POL-%i
#iptables -A MESHC-FWD-%i -s 10.44.0.0/24 ! -i %i -o %i -j DROP
#iptables -A MESHC-FWD-%i -s 192.168.1.0/24 ! -i %i -o %i -j DROP
#iptables -A MESHC-IN-%i -d 10.44.0.27/32 -i %i -m conntrack ! --ctstate RELATED,ESTABLISHED -g MESHC-POL-%i
#iptables -A MESHC-IN-%i -i %i -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP
#iptables -I FORWARD -j MESHC-FWD-%i
#iptables -I INPUT -j MESHC-IN-%i
#iptables COMMIT
#ip6tables *filter
#ip6tables :MESHC-S0-%i - [0:0]
#ip6tables :MESHC-POL-%i - [0:0]
#ip6tables :MESHC-FWD-%i - [0:0]
#ip6tables :MESHC-IN-%i - [0:0]
#ip6tables -A MESHC-S0-%i -d fd44::1b/128 -p ipv6-icmp -j RETURN
#ip6tables -A MESHC-S0-%i -d fd44::1b/128 -p tcp --dport 22 -j RETURN
#ip6tables -A MESHC-S0-%i -d fd44::1b/128 -p tcp --dport 8000:8100 -j RETURN
#ip6tables -A MESHC-S0-%i -d fd44::1b/128 -p udp --dport 53 -j RETURN
#ip6tables -A MESHC-S0-%i -j DROP
#ip6tables -A MESHC-POL-%i -s fd44::1/128 -g MESHC-S0-%i
#ip6tables -A MESHC-POL-%i -s fd44::2/128 -g MESHC-S0-%i
#ip6tables -A MESHC-POL-%i -s fd44::1b/128 -g MESHC-S0-%i
#ip6tables -A MESHC-POL-%i -s fd44::23/128 -g MESHC-S0-%i
#ip6tables -A MESHC-POL-%i -s fd44::2f/128 -g MESHC-S0-%i
#ip6tables -A MESHC-POL-%i -s fd44::a4/128 -g MESHC-S0-%i
#ip6tables -A MESHC-POL-%i -j DROP
#ip6tables -A MESHC-FWD-%i -i %i -m conntrack ! --ctstate RELATED,ESTABLISHED -j MESHC-POL-%i
#ip6tables -A MESHC-FWD-%i -s fd44::/64 ! -i %i -o %i -j DROP
#ip6tables -A MESHC-IN-%i -d fd44::1b/128 -i %i -m conntrack ! --ctstate RELATED,ESTABLISHED -g MESHC-POL-%i
#ip6tables -A MESHC-IN-%i -i %i -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP
#ip6tables -I FORWARD -j MESHC-FWD-%i
#ip6tables -I INPUT -j MESHC-IN-%i
#ip6tables COMMIT
#nft add table inet meshc-%i
#nft delete table inet meshc-%i
#nft table inet meshc-%i {
#nft chain from4_0 {
#nft ip daddr { 10.44.0.27 } meta l4proto icmp return
#nft ip daddr . meta l4proto . th dport { 10.44.0.27 . tcp . 22, 10.44.0.27 . tcp . 8000-8100, 10.44.0.27 . udp . 53 } return
#nft drop
#nft }
#nft chain from6_0 {
#nft ip6 daddr { fd44::1b } meta l4proto ipv6-icmp return
#nft ip6 daddr . meta l4proto . th dport { fd44::1b . tcp . 22, fd44::1b . tcp . 8000-8100, fd44::1b . udp . 53 } return
#nft drop
#nft }
#nft chain access {
#nft ip saddr vmap { 10.44.0.1 : goto from4_0, 10.44.0.2 : goto from4_0, 10.44.0.27 : goto from4_0, 10.44.0.35 : goto from4_0, 10.44.0.47 : goto from4_0, 10.44.0.164 : goto from4_0 }
#nft ip6 saddr vmap { fd44::1 : goto from6_0, fd44::2 : goto from6_0, fd44::1b : goto from6_0, fd44::23 : goto from6_0, fd44::2f : goto from6_0, fd44::a4 : goto from6_0 }
#nft drop
#nft }
#nft chain input {
#nft type filter hook input priority 0; policy accept;
#nft iifname "%i" ct state != { established, related } ip daddr { 10.44.0.27 } goto access
#nft iifname "%i" ct state != { established, related } ip6 daddr { fd44::1b } goto access
#nft iifname "%i" ct state != { established, related } drop
#nft }
#nft chain forward {
#nft type filter hook forward priority 0; policy accept;
#nft iifname "%i" ct state != { established, related } jump access
#nft iifname != "%i" oifname "%i" ip saddr { 10.44.0.0/24, 192.168.1.0/24 } drop
#nft iifname != "%i" oifname "%i" ip6 saddr { fd44::/64 } drop
#nft }
#nft }
