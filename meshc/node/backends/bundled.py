"""The bundled engine, `meshc engine IFACE`, run by the Python that runs meshc."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence

from meshc.node.backends.userspace import Userspace
from meshc.node.system import processes


class Bundled(Userspace):
    """meshc's own WireGuard; needs nothing but /dev/net/tun."""

    name = "bundled"

    def missing(self) -> str:
        if importlib.util.find_spec("meshc.cli.engine") is None:
            return "this meshc was installed without its engine"
        if not os.path.exists("/dev/net/tun"):
            return "/dev/net/tun is missing"
        return ""

    def argv(self, interface: str) -> Sequence[str]:
        return (sys.executable, "-m", "meshc", "engine", "--foreground", interface)

    def environment(self) -> Mapping[str, str]:
        return processes.python_environment()
