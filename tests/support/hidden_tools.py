"""A machine that has one of the two firewall tools and not the other."""

from __future__ import annotations

from tests.support.netns import Namespace

PATTERNS = {"nft": "nft", "iptables": "*tables*"}


def hide(one: Namespace, tool: str) -> None:
    """There is no such file any more in this namespace."""
    one.shell(
        "mkdir /run/all; mount --bind /usr/sbin /run/all; mount -t tmpfs tmpfs /usr/sbin;"
        f" for f in /run/all/*; do case ${{f##*/}} in {PATTERNS[tool]}) ;;"
        " *) ln -s $f /usr/sbin/;; esac; done"
    )
    gone = "nft" if tool == "nft" else "iptables-save"
    assert one.run("bash", "-c", f"command -v {gone}", check=False).stdout == ""
