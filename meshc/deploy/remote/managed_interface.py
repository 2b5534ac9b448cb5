"""An interface that deployments manage: its files on this machine, and the record of the last."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator

from meshc.deploy.protocol import Directories
from meshc.deploy.remote.base import Refusal, read, write
from meshc.deploy.remote.deployment_record import DeploymentRecord, decode, encode

_NAME = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")


class ManagedInterface:
    """One interface and its places."""

    def __init__(self, name: str, directories: Directories) -> None:
        if not _NAME.fullmatch(name) or name in (".", ".."):
            raise Refusal(f"not the name of an interface: {name!r}")
        self.name = name
        self.directories = directories
        self.conf = os.path.join(directories.conf, name + ".conf")
        self.node_json = os.path.join(directories.conf, "node.json")
        self.home = os.path.join(directories.state, name)

    def load(self) -> DeploymentRecord:
        path = os.path.join(self.home, "state.json")
        text = read(path)
        return decode(text, path) if text else DeploymentRecord()

    def save(self, record: DeploymentRecord) -> None:
        write(os.path.join(self.home, "state.json"), encode(record))

    def make_home(self) -> None:
        state = self.directories.state
        os.makedirs(os.path.dirname(state.rstrip("/")), mode=0o755, exist_ok=True)
        for path in (state, self.home):
            os.makedirs(path, mode=0o700, exist_ok=True)
            os.chmod(path, 0o700)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with open(os.path.join(self.home, "lock"), "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
