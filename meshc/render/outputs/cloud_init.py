"""cloud-init user data: what a fresh machine needs so that the tunnel comes up by itself.

Without keys the machine waits for its wg-quick file (a path unit of systemd), which comes by
`meshc deploy` or any other way: user data are readable for everything on the machine, and for
whoever may look at the cloud's console.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from meshc.render.outputs.tunnel import OutputFile, Tunnel
from meshc.secret import SecretText
from meshc.topology.language.spec import FirewallTool

_PATH_UNIT = """\
[Unit]
Description=Brings {interface} up once its configuration is there

[Path]
PathExists=/etc/wireguard/{interface}.conf
Unit=wg-quick@{interface}.service

[Install]
WantedBy=multi-user.target
"""
_CALLS_IPTABLES = re.compile(r"(^|\|\| |; |then |\| )ip6?tables(-restore)? -")


def cloud_init(tunnel: Tunnel) -> Iterator[OutputFile]:
    """Without a secret."""
    name = tunnel.interface
    unit = f"{name}-arrives.path"
    yield OutputFile(
        "user-data.yaml",
        SecretText(
            _user_data(
                tunnel,
                f"/etc/systemd/system/{unit}",
                "0644",
                _PATH_UNIT.format(interface=name),
                ["systemctl", "enable", "--now", unit],
            )
        ),
        f"user data of a new machine: {name} comes up when /etc/wireguard/{name}.conf arrives; "
        "no secret is in it",
        secret=False,
    )


def cloud_init_with_keys(tunnel: Tunnel) -> Iterator[OutputFile]:
    """With the whole wg-quick file, because somebody asked for it."""
    name = tunnel.interface
    yield OutputFile(
        "user-data.yaml",
        SecretText(
            _user_data(
                tunnel,
                f"/etc/wireguard/{name}.conf",
                "0600",
                tunnel.conf.reveal(),
                ["systemctl", "enable", "--now", f"wg-quick@{name}.service"],
            )
        ),
        "user data of a new machine, WITH ITS KEYS: everything on it, and whoever may see it in "
        "the cloud's console, can read them",
        secret=True,
    )


def _user_data(tunnel: Tunnel, path: str, mode: str, content: str, start: list[str]) -> str:
    block = "".join(f"      {line}\n" if line else "\n" for line in content.splitlines())
    return (
        "#cloud-config\n"
        "package_update: true\n"
        f"packages: {json.dumps(_packages(tunnel), ensure_ascii=False)}\n"
        "write_files:\n"
        f"  - path: {json.dumps(path, ensure_ascii=False)}\n"
        f"    permissions: {json.dumps(mode, ensure_ascii=False)}\n"
        "    owner: root:root\n"
        f"    content: |\n{block}"
        "runcmd:\n"
        f"  - {json.dumps(start, ensure_ascii=False)}\n"
    )


def _packages(tunnel: Tunnel) -> list[str]:
    """Names of Debian and its kin."""
    found = ["wireguard-tools"]
    up = (*tunnel.hooks.pre_up, *tunnel.hooks.post_up)
    if any(_CALLS_IPTABLES.search(line) for line in up):
        found.append("iptables")
    if tunnel.node.spec.firewall is FirewallTool.NFTABLES and tunnel.hooks.comments:
        found.append("nftables")
    if tunnel.servers:
        found.append("openresolv")
    return found
