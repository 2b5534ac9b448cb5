"""systemd-networkd in a namespace of its own, without a systemd and without udev."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.support.netns import Namespace

NETWORKD = Path("/lib/systemd/systemd-networkd")
# its state and its configuration in memory; a read-only /sys says that there is no udev to wait for
_START = """
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network: /run/systemd/netif
mount -t tmpfs tmpfs /etc/systemd/network
cd "$1"
if [ -n "$2" ]; then install -m 0640 -g systemd-network *.netdev /etc/systemd/network/; fi
install -m 0644 *.network /etc/systemd/network/
mount -t sysfs -o ro sysfs /sys
SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console exec {networkd}
"""
_COMPLAINTS = (
    "Unknown key",
    "Unknown section",
    "Failed to parse",
    "Invalid",
    "ignoring assignment",
    "accessible by the other",
    "world-readable",
)


def start_networkd(
    place: Namespace, files: Path, log: Path, *, device: bool
) -> subprocess.Popen[str]:
    """It runs until it is ended; what it says is in `log`. `device`: it makes the interface as
    well, for which the kernel must have WireGuard."""
    script = _START.format(networkd=NETWORKD)
    with log.open("w") as said:
        command = ("unshare", "--mount", "bash", "-ec", script, "networkd", str(files))
        return place.start(*command, "yes" if device else "", stdout=said, stderr=subprocess.STDOUT)


def complaints(log: Path) -> list[str]:
    """What it did not understand of its files."""
    lines = log.read_text().splitlines()
    return [line for line in lines if any(word in line for word in _COMPLAINTS)]


def routing(place: Namespace, interface: str = "wg0") -> dict[str, Any]:
    """What decides where packets go: addresses, routes of the interface, rules in their order."""
    found: dict[str, Any] = {}
    for family in ("-4", "-6"):
        rules = place.json("ip", family, "-j", "rule")
        found[f"rules{family}"] = [
            {key: value for key, value in rule.items() if key not in ("priority", "protocol")}
            for rule in sorted(rules, key=lambda rule: int(rule["priority"]))
        ]
        routes = place.json(
            "ip", family, "-j", "-N", "route", "show", "table", "all", "dev", interface
        )
        found[f"routes{family}"] = sorted(
            (route["dst"], str(route.get("table", "254")))
            for route in routes
            # the kernel's own: link-local and multicast
            if route.get("table") != "255" and not route["dst"].startswith(("fe80:", "ff00:"))
        )
        link = place.json("ip", family, "-j", "addr", "show", "dev", interface)
        found[f"addresses{family}"] = sorted(
            f"{one['local']}/{one['prefixlen']}"
            for one in link[0].get("addr_info", ())
            if one["scope"] == "global"
        )
    return found
