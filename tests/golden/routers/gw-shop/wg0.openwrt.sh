#!/bin/sh
# gw-shop: interface wg0 of the network shop, for OpenWrt.
# Run it on the router, and again after every change: it replaces what it made before.
set -e
if ! [ -x /sbin/fw4 ]; then
  echo 'policies need fw4, the firewall of OpenWrt since 22.03' >&2
  exit 1
fi
mkdir -p /etc/nftables.d
cat > /etc/nftables.d/meshc-wg0.policy.new <<'EOF'
chain meshc_wg0_from4_0 {
ip daddr { 192.168.31.20 } meta l4proto icmp return
ip daddr . meta l4proto . th dport { 192.168.31.20 . tcp . 554 } return
drop
}
chain meshc_wg0_from4_1 {
ip daddr . meta l4proto . th dport { 10.78.0.7 . tcp . 22 } return
drop
}
chain meshc_wg0_from4_2 {
ip daddr { 10.78.0.7, 192.168.31.0/24 } return
drop
}
chain meshc_wg0_from4_3 {
ip daddr . meta l4proto . th dport { 192.168.32.5 . tcp . 445 } return
drop
}
chain meshc_wg0_from6_0 {
ip6 daddr . meta l4proto . th dport { fd78::7 . tcp . 22 } return
drop
}
chain meshc_wg0_from6_1 {
ip6 daddr { fd78::7, fd78:31::/64 } return
drop
}
chain meshc_wg0_from6_2 {
ip6 daddr . meta l4proto . th dport { fd78:32::5 . tcp . 445 } return
drop
}
chain meshc_wg0_access {
ip saddr vmap { 10.78.0.2 : goto meshc_wg0_from4_0, 10.78.0.3 : goto meshc_wg0_from4_1, 10.78.0.15 : goto meshc_wg0_from4_2, 192.168.31.0/24 : goto meshc_wg0_from4_3 }
ip6 saddr vmap { fd78::3 : goto meshc_wg0_from6_0, fd78::f : goto meshc_wg0_from6_1, fd78:31::/64 : goto meshc_wg0_from6_2 }
drop
}
chain meshc_wg0_input {
type filter hook input priority 0; policy accept;
iifname "wg0" ct state != { established, related } ip daddr { 10.78.0.7, 192.168.31.0/24 } goto meshc_wg0_access
iifname "wg0" ct state != { established, related } ip6 daddr { fd78::7, fd78:31::/64 } goto meshc_wg0_access
iifname "wg0" ct state != { established, related } drop
}
chain meshc_wg0_forward {
type filter hook forward priority 0; policy accept;
iifname "wg0" ct state != { established, related } jump meshc_wg0_access
oifname "wg0" ct state != { established, related } ip saddr { 192.168.31.0/24 } jump meshc_wg0_access
iifname != "wg0" oifname "wg0" ip saddr { 10.78.0.0/24, 192.168.32.0/24 } drop
oifname "wg0" ct state != { established, related } ip6 saddr { fd78:31::/64 } jump meshc_wg0_access
iifname != "wg0" oifname "wg0" ip6 saddr { fd78::/64, fd78:32::/64 } drop
}
EOF
{ echo 'table inet meshc_check {'; cat /etc/nftables.d/meshc-wg0.policy.new; echo '}'; } | nft -c -f -
mv /etc/nftables.d/meshc-wg0.policy.new /etc/nftables.d/meshc-wg0.policy
while uci -q delete network.@wireguard_wg0[0]; do :; done
uci -q delete network.wg0 || true
uci batch <<'EOF'
set network.wg0=interface
set network.wg0.proto='wireguard'
set network.wg0.private_key='6IhWCKJIgJcfn+gK5rEYrd5xa9boJlaGfD0RuVp/tm0='
set network.wg0.listen_port='51820'
set network.wg0.mtu='1420'
add_list network.wg0.addresses='10.78.0.7/32'
add_list network.wg0.addresses='fd78::7/128'
add network wireguard_wg0
set network.@wireguard_wg0[-1].description='gw-store'
set network.@wireguard_wg0[-1].public_key='4D4YkRdsLz1g2H3ai/OYM+Rfuea954+iN5J4MZpmyjw='
set network.@wireguard_wg0[-1].preshared_key='/miZVLDqi9+Dgwl451jCcf6uEkFb0SyYJAjfU4fTdMs='
add_list network.@wireguard_wg0[-1].allowed_ips='10.78.0.3/32'
add_list network.@wireguard_wg0[-1].allowed_ips='192.168.32.0/24'
add_list network.@wireguard_wg0[-1].allowed_ips='fd78::3/128'
add_list network.@wireguard_wg0[-1].allowed_ips='fd78:32::/64'
set network.@wireguard_wg0[-1].route_allowed_ips='1'
add network wireguard_wg0
set network.@wireguard_wg0[-1].description='hub'
set network.@wireguard_wg0[-1].public_key='GFqHxeO5+60r/8JVcRBazAuCEZ5q8T5clSbAmsQ52D8='
set network.@wireguard_wg0[-1].preshared_key='aiwj3u7Wn2cVr6aOi8UdvRszW5tPYRsPa4NCkjCS+VQ='
add_list network.@wireguard_wg0[-1].allowed_ips='10.78.0.0/24'
add_list network.@wireguard_wg0[-1].allowed_ips='fd78::/64'
set network.@wireguard_wg0[-1].route_allowed_ips='1'
set network.@wireguard_wg0[-1].endpoint_host='hub.shop-vpn.dev'
set network.@wireguard_wg0[-1].endpoint_port='51820'
add network wireguard_wg0
set network.@wireguard_wg0[-1].description='owner'
set network.@wireguard_wg0[-1].public_key='58/GiLABHMLFEoMZpn4IRuYIOeEOqz/szUic0URk8A4='
set network.@wireguard_wg0[-1].preshared_key='ZzAzKiLQaONAkFLdvo4Eu0Pb73j0RPXu3xlQ3neFtNI='
add_list network.@wireguard_wg0[-1].allowed_ips='10.78.0.15/32'
add_list network.@wireguard_wg0[-1].allowed_ips='fd78::f/128'
set network.@wireguard_wg0[-1].route_allowed_ips='1'
EOF
for part in $(uci -q show firewall | sed -n 's/^firewall\.\(meshc_wg0_[a-z0-9]*\)=.*/\1/p'); do
  uci -q delete "firewall.$part"
done
uci batch <<'EOF'
set firewall.meshc_wg0_zone=zone
set firewall.meshc_wg0_zone.name='wg0'
set firewall.meshc_wg0_zone.input='ACCEPT'
set firewall.meshc_wg0_zone.output='ACCEPT'
set firewall.meshc_wg0_zone.forward='REJECT'
set firewall.meshc_wg0_zone.mtu_fix='1'
add_list firewall.meshc_wg0_zone.network='wg0'
set firewall.meshc_wg0_in=rule
set firewall.meshc_wg0_in.name='WireGuard wg0'
set firewall.meshc_wg0_in.src='wan'
set firewall.meshc_wg0_in.proto='udp'
set firewall.meshc_wg0_in.dest_port='51820'
set firewall.meshc_wg0_in.target='ACCEPT'
set firewall.meshc_wg0_rule1=rule
set firewall.meshc_wg0_rule1.family='ipv4'
set firewall.meshc_wg0_rule1.proto='all'
set firewall.meshc_wg0_rule1.src='wg0'
set firewall.meshc_wg0_rule1.dest='*'
set firewall.meshc_wg0_rule1.dest_ip='192.168.31.0/24'
set firewall.meshc_wg0_rule1.target='ACCEPT'
set firewall.meshc_wg0_rule2=rule
set firewall.meshc_wg0_rule2.family='ipv4'
set firewall.meshc_wg0_rule2.proto='all'
set firewall.meshc_wg0_rule2.src='*'
set firewall.meshc_wg0_rule2.dest='wg0'
set firewall.meshc_wg0_rule2.src_ip='192.168.31.0/24'
set firewall.meshc_wg0_rule2.target='ACCEPT'
set firewall.meshc_wg0_rule3=rule
set firewall.meshc_wg0_rule3.family='ipv4'
set firewall.meshc_wg0_rule3.proto='all'
set firewall.meshc_wg0_rule3.src='wg0'
set firewall.meshc_wg0_rule3.dest='*'
set firewall.meshc_wg0_rule3.target='DROP'
set firewall.meshc_wg0_rule4=rule
set firewall.meshc_wg0_rule4.family='ipv6'
set firewall.meshc_wg0_rule4.proto='all'
set firewall.meshc_wg0_rule4.src='wg0'
set firewall.meshc_wg0_rule4.dest='*'
set firewall.meshc_wg0_rule4.dest_ip='fd78:31::/64'
set firewall.meshc_wg0_rule4.target='ACCEPT'
set firewall.meshc_wg0_rule5=rule
set firewall.meshc_wg0_rule5.family='ipv6'
set firewall.meshc_wg0_rule5.proto='all'
set firewall.meshc_wg0_rule5.src='*'
set firewall.meshc_wg0_rule5.dest='wg0'
set firewall.meshc_wg0_rule5.src_ip='fd78:31::/64'
set firewall.meshc_wg0_rule5.target='ACCEPT'
set firewall.meshc_wg0_rule6=rule
set firewall.meshc_wg0_rule6.family='ipv6'
set firewall.meshc_wg0_rule6.proto='all'
set firewall.meshc_wg0_rule6.src='wg0'
set firewall.meshc_wg0_rule6.dest='*'
set firewall.meshc_wg0_rule6.target='DROP'
set firewall.meshc_wg0_nat1=nat
set firewall.meshc_wg0_nat1.family='ipv4'
set firewall.meshc_wg0_nat1.proto='all'
set firewall.meshc_wg0_nat1.src='lan'
set firewall.meshc_wg0_nat1.src_ip='10.78.0.0/24'
set firewall.meshc_wg0_nat1.dest_ip='192.168.31.0/24'
set firewall.meshc_wg0_nat1.target='MASQUERADE'
set firewall.meshc_wg0_nat2=nat
set firewall.meshc_wg0_nat2.family='ipv4'
set firewall.meshc_wg0_nat2.proto='all'
set firewall.meshc_wg0_nat2.src='wan'
set firewall.meshc_wg0_nat2.src_ip='10.78.0.0/24'
set firewall.meshc_wg0_nat2.dest_ip='192.168.31.0/24'
set firewall.meshc_wg0_nat2.target='MASQUERADE'
set firewall.meshc_wg0_nat3=nat
set firewall.meshc_wg0_nat3.family='ipv4'
set firewall.meshc_wg0_nat3.proto='all'
set firewall.meshc_wg0_nat3.src='lan'
set firewall.meshc_wg0_nat3.src_ip='192.168.32.0/24'
set firewall.meshc_wg0_nat3.dest_ip='192.168.31.0/24'
set firewall.meshc_wg0_nat3.target='MASQUERADE'
set firewall.meshc_wg0_nat4=nat
set firewall.meshc_wg0_nat4.family='ipv4'
set firewall.meshc_wg0_nat4.proto='all'
set firewall.meshc_wg0_nat4.src='wan'
set firewall.meshc_wg0_nat4.src_ip='192.168.32.0/24'
set firewall.meshc_wg0_nat4.dest_ip='192.168.31.0/24'
set firewall.meshc_wg0_nat4.target='MASQUERADE'
set firewall.meshc_wg0_nat5=nat
set firewall.meshc_wg0_nat5.family='ipv6'
set firewall.meshc_wg0_nat5.proto='all'
set firewall.meshc_wg0_nat5.src='lan'
set firewall.meshc_wg0_nat5.src_ip='fd78::/64'
set firewall.meshc_wg0_nat5.dest_ip='fd78:31::/64'
set firewall.meshc_wg0_nat5.target='MASQUERADE'
set firewall.meshc_wg0_nat6=nat
set firewall.meshc_wg0_nat6.family='ipv6'
set firewall.meshc_wg0_nat6.proto='all'
set firewall.meshc_wg0_nat6.src='wan'
set firewall.meshc_wg0_nat6.src_ip='fd78::/64'
set firewall.meshc_wg0_nat6.dest_ip='fd78:31::/64'
set firewall.meshc_wg0_nat6.target='MASQUERADE'
set firewall.meshc_wg0_nat7=nat
set firewall.meshc_wg0_nat7.family='ipv6'
set firewall.meshc_wg0_nat7.proto='all'
set firewall.meshc_wg0_nat7.src='lan'
set firewall.meshc_wg0_nat7.src_ip='fd78:32::/64'
set firewall.meshc_wg0_nat7.dest_ip='fd78:31::/64'
set firewall.meshc_wg0_nat7.target='MASQUERADE'
set firewall.meshc_wg0_nat8=nat
set firewall.meshc_wg0_nat8.family='ipv6'
set firewall.meshc_wg0_nat8.proto='all'
set firewall.meshc_wg0_nat8.src='wan'
set firewall.meshc_wg0_nat8.src_ip='fd78:32::/64'
set firewall.meshc_wg0_nat8.dest_ip='fd78:31::/64'
set firewall.meshc_wg0_nat8.target='MASQUERADE'
set firewall.meshc_wg0_policy=include
set firewall.meshc_wg0_policy.type='nftables'
set firewall.meshc_wg0_policy.path='/etc/nftables.d/meshc-wg0.policy'
EOF
uci commit network
uci commit firewall
# before the tunnel: the rules hold from the first packet
/etc/init.d/firewall reload
/etc/init.d/network reload
/etc/init.d/firewall reload
