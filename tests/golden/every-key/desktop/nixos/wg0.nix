# desktop in every-key; wg0.conf lies outside of the store
{ pkgs, ... }:
{
  networking.wg-quick.interfaces."wg0".configFile = "/etc/wireguard/wg0.conf";
  systemd.services."wg-quick-wg0".path = with pkgs; [ iproute2 iptables nftables procps gnugrep gnused coreutils ];
}
