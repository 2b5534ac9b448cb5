"""What a container must be given so that wg-quick(8) can bring the tunnel up inside."""

from __future__ import annotations

from meshc.render.outputs.tunnel import OutputRefusedError, Tunnel

IMAGE = "lscr.io/linuxserver/wireguard:latest"
"""Has wg-quick, iptables and nft; any image that has them will do."""


def kernel_settings(tunnel: Tunnel) -> dict[str, str]:
    """sysctl settings that a container cannot make by itself: /proc/sys is read-only there.

    Raises: OutputRefusedError for a private key that is only on the node.
    """
    spec = tunnel.node.spec
    if spec.private_key_file is not None or spec.private_key_command is not None:
        raise OutputRefusedError("its private key is on the node, and not inside of a container")
    lines = " ".join(tunnel.hooks.lines)
    families = {address.family for address in tunnel.node.addresses}
    wanted = (
        ("net.ipv4.conf.all.src_valid_mark", "1", 4 in tunnel.own_table),
        ("net.ipv4.ip_forward", "1", "net.ipv4.ip_forward" in lines),
        ("net.ipv6.conf.all.forwarding", "1", "net.ipv6.conf.all.forwarding" in lines),
        ("net.ipv6.conf.all.disable_ipv6", "0", 6 in families),
        ("net.ipv6.conf.default.disable_ipv6", "0", 6 in families),
    )
    return {key: value for key, value, needed in wanted if needed}


def start_command(interface: str) -> str:
    """Shell: up, until the container is told to stop."""
    return (
        f"wg-quick up {interface}; trap 'wg-quick down {interface}; exit 0' TERM INT; "
        "sleep infinity & wait"
    )
