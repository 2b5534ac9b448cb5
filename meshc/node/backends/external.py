"""Another userspace WireGuard: wireguard-go, or any program that is called the way it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence

from meshc.node.backends.userspace import Userspace


class External(Userspace):
    """`name` is `wireguard-go`, looked up in PATH, or the path of the program."""

    def __init__(self, name: str) -> None:
        self.name = name

    def missing(self) -> str:
        if shutil.which(self.name) is None:
            return f"{self.name} is not a program on this machine"
        if not os.path.exists("/dev/net/tun"):
            return "/dev/net/tun is missing"
        return ""

    def argv(self, interface: str) -> Sequence[str]:
        return (self.name, "--foreground", interface)

    def environment(self) -> Mapping[str, str]:
        # boringtun and others take the wish from the environment or ignore the word
        return {"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": os.environ.get("LOG_LEVEL", "error")}
