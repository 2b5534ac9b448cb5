# gw-store: interface wg0 of the network shop, for RouterOS 7.
# Run it with /import, and again after every change: it replaces what it made before.
/interface/wireguard/peers/remove [find interface="wg0"]
/routing/rule/remove [find comment="meshc wg0"]
/ip/route/remove [find comment="meshc wg0"]
/ipv6/route/remove [find comment="meshc wg0"]
/ip/firewall/filter/remove [find comment="meshc wg0"]
/ipv6/firewall/filter/remove [find comment="meshc wg0"]
/ip/firewall/nat/remove [find comment="meshc wg0"]
/ipv6/firewall/nat/remove [find comment="meshc wg0"]
/ip/firewall/mangle/remove [find comment="meshc wg0"]
/ipv6/firewall/mangle/remove [find comment="meshc wg0"]
/ip/firewall/address-list/remove [find comment="meshc wg0"]
/ipv6/firewall/address-list/remove [find comment="meshc wg0"]
/routing/table/remove [find comment="meshc wg0"]
/ip/address/remove [find interface="wg0"]
/ipv6/address/remove [find interface="wg0" dynamic=no]
:if ([:len [/interface/wireguard/find name="wg0"]] = 0) do={/interface/wireguard/add name="wg0"}
/interface/wireguard/set [find name="wg0"] mtu=1420 private-key="eDbohHkByVXkAtqdqLp10NY/ZvYz7nzjW5QlQfvfIUs=" comment="meshc wg0"

/ip/firewall/address-list/add list="meshc-wg0-1" address=192.168.32.0/27 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-1" address=192.168.32.32/29 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-1" address=192.168.32.41 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-1" address=192.168.32.42/31 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-1" address=192.168.32.44/30 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-1" address=192.168.32.48/28 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-1" address=192.168.32.64/26 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-1" address=192.168.32.128/25 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-2" address=10.78.0.3 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-2" address=192.168.32.0/24 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-3" address=10.78.0.0/24 comment="meshc wg0"
/ip/firewall/address-list/add list="meshc-wg0-3" address=192.168.31.0/24 comment="meshc wg0"
/ip/firewall/filter/add chain="meshc-wg0-access" action=return src-address=10.78.0.6/32 dst-address-list="meshc-wg0-1" protocol=tcp dst-port=443 comment="meshc wg0"
/ip/firewall/filter/add chain="meshc-wg0-access" action=return src-address=10.78.0.15/32 dst-address-list="meshc-wg0-2" comment="meshc wg0"
/ip/firewall/filter/add chain="meshc-wg0-access" action=return src-address=192.168.31.0/24 dst-address=192.168.32.5/32 protocol=tcp dst-port=445 comment="meshc wg0"
/ip/firewall/filter/add chain="meshc-wg0-access" action=drop comment="meshc wg0"
/ip/firewall/filter/add chain=input in-interface="wg0" connection-state=!established,related action=drop dst-address-list=!"meshc-wg0-2" comment="meshc wg0"
/ip/firewall/filter/add chain=input in-interface="wg0" connection-state=!established,related action=jump jump-target="meshc-wg0-access" comment="meshc wg0"
/ip/firewall/filter/add chain=forward in-interface="wg0" connection-state=!established,related action=jump jump-target="meshc-wg0-access" comment="meshc wg0"
/ip/firewall/filter/add chain=forward out-interface="wg0" connection-state=!established,related action=jump jump-target="meshc-wg0-access" src-address=192.168.32.0/24 comment="meshc wg0"
/ip/firewall/filter/add chain=forward in-interface=!"wg0" out-interface="wg0" action=drop src-address-list="meshc-wg0-3" comment="meshc wg0"
/ip/firewall/filter/add chain="meshc-wg0" action=accept in-interface="wg0" dst-address=192.168.32.0/24 comment="meshc wg0"
/ip/firewall/filter/add chain="meshc-wg0" action=accept out-interface="wg0" src-address=192.168.32.0/24 comment="meshc wg0"
/ip/firewall/filter/add chain="meshc-wg0" action=return in-interface="wg0" connection-nat-state=dstnat comment="meshc wg0"
/ip/firewall/filter/add chain="meshc-wg0" action=drop in-interface="wg0" comment="meshc wg0"
/ip/firewall/filter/add chain=forward action=jump jump-target="meshc-wg0" comment="meshc wg0"
/ip/firewall/filter/move [find comment="meshc wg0"] destination=0
/ip/firewall/nat/add chain="meshc-wg0" action=masquerade src-address=10.78.0.0/24 dst-address=192.168.32.0/24 out-interface=!"wg0" comment="meshc wg0"
/ip/firewall/nat/add chain="meshc-wg0" action=masquerade src-address=192.168.31.0/24 dst-address=192.168.32.0/24 out-interface=!"wg0" comment="meshc wg0"
/ip/firewall/nat/add chain=srcnat action=jump jump-target="meshc-wg0" comment="meshc wg0"
/ip/firewall/nat/move [find comment="meshc wg0"] destination=0
/ip/firewall/mangle/add chain=forward action=change-mss new-mss=clamp-to-pmtu passthrough=yes protocol=tcp tcp-flags=syn in-interface="wg0" comment="meshc wg0"
/ip/firewall/mangle/add chain=forward action=change-mss new-mss=clamp-to-pmtu passthrough=yes protocol=tcp tcp-flags=syn out-interface="wg0" comment="meshc wg0"
/ip/firewall/mangle/move [find comment="meshc wg0"] destination=0
/ipv6/firewall/address-list/add list="meshc-wg0-1" address=fd78::3/128 comment="meshc wg0"
/ipv6/firewall/address-list/add list="meshc-wg0-1" address=fd78:32::/64 comment="meshc wg0"
/ipv6/firewall/address-list/add list="meshc-wg0-2" address=fd78::/64 comment="meshc wg0"
/ipv6/firewall/address-list/add list="meshc-wg0-2" address=fd78:31::/64 comment="meshc wg0"
/ipv6/firewall/filter/add chain="meshc-wg0-access" action=return src-address=fd78::6/128 dst-address=fd78:32::/64 protocol=tcp dst-port=443 comment="meshc wg0"
/ipv6/firewall/filter/add chain="meshc-wg0-access" action=return src-address=fd78::f/128 dst-address-list="meshc-wg0-1" comment="meshc wg0"
/ipv6/firewall/filter/add chain="meshc-wg0-access" action=return src-address=fd78:31::/64 dst-address=fd78:32::5/128 protocol=tcp dst-port=445 comment="meshc wg0"
/ipv6/firewall/filter/add chain="meshc-wg0-access" action=drop comment="meshc wg0"
/ipv6/firewall/filter/add chain=input in-interface="wg0" connection-state=!established,related action=drop dst-address-list=!"meshc-wg0-1" comment="meshc wg0"
/ipv6/firewall/filter/add chain=input in-interface="wg0" connection-state=!established,related action=jump jump-target="meshc-wg0-access" comment="meshc wg0"
/ipv6/firewall/filter/add chain=forward in-interface="wg0" connection-state=!established,related action=jump jump-target="meshc-wg0-access" comment="meshc wg0"
/ipv6/firewall/filter/add chain=forward out-interface="wg0" connection-state=!established,related action=jump jump-target="meshc-wg0-access" src-address=fd78:32::/64 comment="meshc wg0"
/ipv6/firewall/filter/add chain=forward in-interface=!"wg0" out-interface="wg0" action=drop src-address-list="meshc-wg0-2" comment="meshc wg0"
/ipv6/firewall/filter/add chain="meshc-wg0" action=accept in-interface="wg0" dst-address=fd78:32::/64 comment="meshc wg0"
/ipv6/firewall/filter/add chain="meshc-wg0" action=accept out-interface="wg0" src-address=fd78:32::/64 comment="meshc wg0"
/ipv6/firewall/filter/add chain="meshc-wg0" action=return in-interface="wg0" connection-nat-state=dstnat comment="meshc wg0"
/ipv6/firewall/filter/add chain="meshc-wg0" action=drop in-interface="wg0" comment="meshc wg0"
/ipv6/firewall/filter/add chain=forward action=jump jump-target="meshc-wg0" comment="meshc wg0"
/ipv6/firewall/filter/move [find comment="meshc wg0"] destination=0
/ipv6/firewall/nat/add chain="meshc-wg0" action=masquerade src-address=fd78::/64 dst-address=fd78:32::/64 out-interface=!"wg0" comment="meshc wg0"
/ipv6/firewall/nat/add chain="meshc-wg0" action=masquerade src-address=fd78:31::/64 dst-address=fd78:32::/64 out-interface=!"wg0" comment="meshc wg0"
/ipv6/firewall/nat/add chain=srcnat action=jump jump-target="meshc-wg0" comment="meshc wg0"
/ipv6/firewall/nat/move [find comment="meshc wg0"] destination=0
/ipv6/firewall/mangle/add chain=forward action=change-mss new-mss=clamp-to-pmtu passthrough=yes protocol=tcp tcp-flags=syn in-interface="wg0" comment="meshc wg0"
/ipv6/firewall/mangle/add chain=forward action=change-mss new-mss=clamp-to-pmtu passthrough=yes protocol=tcp tcp-flags=syn out-interface="wg0" comment="meshc wg0"
/ipv6/firewall/mangle/move [find comment="meshc wg0"] destination=0
/ip/address/add interface="wg0" address=10.78.0.3/32
/ipv6/address/add interface="wg0" address=fd78::3/128 advertise=no
/interface/wireguard/peers/add interface="wg0" comment="gw-shop" public-key="zAMaJ0o0u9FGiRhephFzlkDDHH/CqeF4seWDbRLhPyk=" preshared-key="/miZVLDqi9+Dgwl451jCcf6uEkFb0SyYJAjfU4fTdMs=" allowed-address=10.78.0.7/32,192.168.31.0/24,fd78::7/128,fd78:31::/64 endpoint-address="shop.shop-vpn.dev" endpoint-port=51820 persistent-keepalive=25s
/interface/wireguard/peers/add interface="wg0" comment="hub" public-key="GFqHxeO5+60r/8JVcRBazAuCEZ5q8T5clSbAmsQ52D8=" preshared-key="V4JyHQoVJR7QdOY+X48C/dsoLsQI/3mNGaZTN4Nz3J0=" allowed-address=10.78.0.0/24,fd78::/64 endpoint-address="hub.shop-vpn.dev" endpoint-port=51820 persistent-keepalive=25s
/ip/route/add dst-address=10.78.0.0/24 gateway="wg0" comment="meshc wg0"
/ip/route/add dst-address=10.78.0.7/32 gateway="wg0" comment="meshc wg0"
/ip/route/add dst-address=192.168.31.0/24 gateway="wg0" comment="meshc wg0"
/ipv6/route/add dst-address=fd78::/64 gateway="wg0" comment="meshc wg0"
/ipv6/route/add dst-address=fd78::7/128 gateway="wg0" comment="meshc wg0"
/ipv6/route/add dst-address=fd78:31::/64 gateway="wg0" comment="meshc wg0"
