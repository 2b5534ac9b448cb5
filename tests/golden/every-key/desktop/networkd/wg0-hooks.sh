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
run 'iptables -w -F MESHC-S0-wg0 2>/dev/null || true; iptables -w -X MESHC-S0-wg0 2>/dev/null || true'
run 'ip6tables -w -D INPUT -j MESHC-IN-wg0 2>/dev/null || true; ip6tables -w -F MESHC-IN-wg0 2>/dev/null || true; ip6tables -w -X MESHC-IN-wg0 2>/dev/null || true'
run 'ip6tables -w -D FORWARD -j MESHC-FWD-wg0 2>/dev/null || true; ip6tables -w -F MESHC-FWD-wg0 2>/dev/null || true; ip6tables -w -X MESHC-FWD-wg0 2>/dev/null || true'
run 'ip6tables -w -F MESHC-POL-wg0 2>/dev/null || true; ip6tables -w -X MESHC-POL-wg0 2>/dev/null || true'
run 'ip6tables -w -F MESHC-S0-wg0 2>/dev/null || true; ip6tables -w -X MESHC-S0-wg0 2>/dev/null || true'
run 'nft delete table inet meshc-wg0 2>/dev/null || true'
run 'if command -v iptables-restore >/dev/null; then printf '"'"'%s\n'"'"' '"'"'*filter'"'"' '"'"':MESHC-S0-wg0 - [0:0]'"'"' '"'"':MESHC-POL-wg0 - [0:0]'"'"' '"'"':MESHC-FWD-wg0 - [0:0]'"'"' '"'"':MESHC-IN-wg0 - [0:0]'"'"' '"'"'-A MESHC-S0-wg0 -d 10.44.0.27/32 -p icmp -j RETURN'"'"' '"'"'-A MESHC-S0-wg0 -d 10.44.0.27/32 -p tcp --dport 22 -j RETURN'"'"' '"'"'-A MESHC-S0-wg0 -d 10.44.0.27/32 -p tcp --dport 8000:8100 -j RETURN'"'"' '"'"'-A MESHC-S0-wg0 -d 10.44.0.27/32 -p udp --dport 53 -j RETURN'"'"' '"'"'-A MESHC-S0-wg0 -j DROP'"'"' '"'"'-A MESHC-POL-wg0 -s 10.44.0.1/32 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s 10.44.0.2/32 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s 10.44.0.27/32 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s 10.44.0.35/32 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s 10.44.0.47/32 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s 10.44.0.164/32 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -j DROP'"'"' '"'"'-A MESHC-FWD-wg0 -i wg0 -m conntrack ! --ctstate RELATED,ESTABLISHED -j MESHC-POL-wg0'"'"' '"'"'-A MESHC-FWD-wg0 -s 10.44.0.0/24 ! -i wg0 -o wg0 -j DROP'"'"' '"'"'-A MESHC-FWD-wg0 -s 192.168.1.0/24 ! -i wg0 -o wg0 -j DROP'"'"' '"'"'-A MESHC-IN-wg0 -d 10.44.0.27/32 -i wg0 -m conntrack ! --ctstate RELATED,ESTABLISHED -g MESHC-POL-wg0'"'"' '"'"'-A MESHC-IN-wg0 -i wg0 -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP'"'"' '"'"'-I FORWARD -j MESHC-FWD-wg0'"'"' '"'"'-I INPUT -j MESHC-IN-wg0'"'"' '"'"'COMMIT'"'"' | iptables-restore -w --noflush; printf '"'"'%s\n'"'"' '"'"'*filter'"'"' '"'"':MESHC-S0-wg0 - [0:0]'"'"' '"'"':MESHC-POL-wg0 - [0:0]'"'"' '"'"':MESHC-FWD-wg0 - [0:0]'"'"' '"'"':MESHC-IN-wg0 - [0:0]'"'"' '"'"'-A MESHC-S0-wg0 -d fd44::1b/128 -p ipv6-icmp -j RETURN'"'"' '"'"'-A MESHC-S0-wg0 -d fd44::1b/128 -p tcp --dport 22 -j RETURN'"'"' '"'"'-A MESHC-S0-wg0 -d fd44::1b/128 -p tcp --dport 8000:8100 -j RETURN'"'"' '"'"'-A MESHC-S0-wg0 -d fd44::1b/128 -p udp --dport 53 -j RETURN'"'"' '"'"'-A MESHC-S0-wg0 -j DROP'"'"' '"'"'-A MESHC-POL-wg0 -s fd44::1/128 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s fd44::2/128 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s fd44::1b/128 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s fd44::23/128 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s fd44::2f/128 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -s fd44::a4/128 -g MESHC-S0-wg0'"'"' '"'"'-A MESHC-POL-wg0 -j DROP'"'"' '"'"'-A MESHC-FWD-wg0 -i wg0 -m conntrack ! --ctstate RELATED,ESTABLISHED -j MESHC-POL-wg0'"'"' '"'"'-A MESHC-FWD-wg0 -s fd44::/64 ! -i wg0 -o wg0 -j DROP'"'"' '"'"'-A MESHC-IN-wg0 -d fd44::1b/128 -i wg0 -m conntrack ! --ctstate RELATED,ESTABLISHED -g MESHC-POL-wg0'"'"' '"'"'-A MESHC-IN-wg0 -i wg0 -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP'"'"' '"'"'-I FORWARD -j MESHC-FWD-wg0'"'"' '"'"'-I INPUT -j MESHC-IN-wg0'"'"' '"'"'COMMIT'"'"' | ip6tables-restore -w --noflush; else printf '"'"'%s\n'"'"' '"'"'add table inet meshc-wg0'"'"' '"'"'delete table inet meshc-wg0'"'"' '"'"'table inet meshc-wg0 {'"'"' '"'"'chain from4_0 {'"'"' '"'"'ip daddr { 10.44.0.27 } meta l4proto icmp return'"'"' '"'"'ip daddr . meta l4proto . th dport { 10.44.0.27 . tcp . 22, 10.44.0.27 . tcp . 8000-8100, 10.44.0.27 . udp . 53 } return'"'"' '"'"'drop'"'"' '"'"'}'"'"' '"'"'chain from6_0 {'"'"' '"'"'ip6 daddr { fd44::1b } meta l4proto ipv6-icmp return'"'"' '"'"'ip6 daddr . meta l4proto . th dport { fd44::1b . tcp . 22, fd44::1b . tcp . 8000-8100, fd44::1b . udp . 53 } return'"'"' '"'"'drop'"'"' '"'"'}'"'"' '"'"'chain access {'"'"' '"'"'ip saddr vmap { 10.44.0.1 : goto from4_0, 10.44.0.2 : goto from4_0, 10.44.0.27 : goto from4_0, 10.44.0.35 : goto from4_0, 10.44.0.47 : goto from4_0, 10.44.0.164 : goto from4_0 }'"'"' '"'"'ip6 saddr vmap { fd44::1 : goto from6_0, fd44::2 : goto from6_0, fd44::1b : goto from6_0, fd44::23 : goto from6_0, fd44::2f : goto from6_0, fd44::a4 : goto from6_0 }'"'"' '"'"'drop'"'"' '"'"'}'"'"' '"'"'chain input {'"'"' '"'"'type filter hook input priority 0; policy accept;'"'"' '"'"'iifname "wg0" ct state != { established, related } ip daddr { 10.44.0.27 } goto access'"'"' '"'"'iifname "wg0" ct state != { established, related } ip6 daddr { fd44::1b } goto access'"'"' '"'"'iifname "wg0" ct state != { established, related } drop'"'"' '"'"'}'"'"' '"'"'chain forward {'"'"' '"'"'type filter hook forward priority 0; policy accept;'"'"' '"'"'iifname "wg0" ct state != { established, related } jump access'"'"' '"'"'iifname != "wg0" oifname "wg0" ip saddr { 10.44.0.0/24, 192.168.1.0/24 } drop'"'"' '"'"'iifname != "wg0" oifname "wg0" ip6 saddr { fd44::/64 } drop'"'"' '"'"'}'"'"' '"'"'}'"'"' | nft -f -; fi'
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
run 'iptables -w -F MESHC-S0-wg0 2>/dev/null || true; iptables -w -X MESHC-S0-wg0 2>/dev/null || true'
run 'ip6tables -w -D INPUT -j MESHC-IN-wg0 2>/dev/null || true; ip6tables -w -F MESHC-IN-wg0 2>/dev/null || true; ip6tables -w -X MESHC-IN-wg0 2>/dev/null || true'
run 'ip6tables -w -D FORWARD -j MESHC-FWD-wg0 2>/dev/null || true; ip6tables -w -F MESHC-FWD-wg0 2>/dev/null || true; ip6tables -w -X MESHC-FWD-wg0 2>/dev/null || true'
run 'ip6tables -w -F MESHC-POL-wg0 2>/dev/null || true; ip6tables -w -X MESHC-POL-wg0 2>/dev/null || true'
run 'ip6tables -w -F MESHC-S0-wg0 2>/dev/null || true; ip6tables -w -X MESHC-S0-wg0 2>/dev/null || true'
run 'nft delete table inet meshc-wg0 2>/dev/null || true'
run 'echo wg0 is down'
}
case "${1-}" in
up) trap 'ip link set dev wg0 down' EXIT; up; trap - EXIT ;;
down) down ;;
*) echo "usage: $0 up|down" >&2; exit 2 ;;
esac
