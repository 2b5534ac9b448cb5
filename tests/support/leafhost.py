"""A leaf's machine in a namespace: its file is put to work by either runner, and what leaves it in
clear text is seen."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from tests.support.netns import Namespace

QUICK = "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick"


def put_up(leaf: Namespace, runner: str, text: str) -> None:
    """`runner` is wg-quick or meshc; `/etc/wireguard` is the leaf's own."""
    leaf.run("bash", "-c", "umask 077; cat > /etc/wireguard/wg0.conf", input=text)
    if runner == "wg-quick":
        leaf.shell(f"{QUICK} up wg0")
    else:
        leaf.meshc("up", "/etc/wireguard/wg0.conf", "--engine", "wireguard-go")


def leaving(leaf: Namespace, expression: str, send: Callable[[], None]) -> str:
    """The packets that leave eth0 and match (pcap-filter(7)) while `send` runs; empty: none."""
    leaf.shell("rm -f /run/seen.pcap")
    watch = leaf.start(
        "tcpdump", "-i", "eth0", "-n", "--immediate-mode", "-U", "-Q", "out",
        "-w", "/run/seen.pcap", expression,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    with watch:
        assert watch.stderr is not None
        while "listening" not in watch.stderr.readline():
            pass
        send()
        time.sleep(0.3)
        watch.terminate()
    return leaf.shell("tcpdump -n -r /run/seen.pcap 2>/dev/null")
