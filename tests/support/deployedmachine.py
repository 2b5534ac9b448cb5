"""A deployment's steps on a machine that is a temporary directory: no interface is needed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshc.deploy.connect import sent_program
from meshc.deploy.protocol import (
    Activation,
    Adopt,
    AskFacts,
    CommitConfirmed,
    Confirm,
    Directories,
    Facts,
    RollBack,
    Routes,
    StageCandidate,
    State,
    Supervisor,
    Verified,
    Verify,
)
from meshc.deploy.remote import deployment, verbs
from meshc.deploy.remote.managed_interface import ManagedInterface

TOKEN = "0123456789abcdef"
OLD, NEW = "[Interface]\nMTU = 1300\n", "[Interface]\nMTU = 1400\n"


class DeployedMachine:
    """The steps of a deployment, with the same fields each time."""

    def __init__(self, home: Path) -> None:
        self.conf_dir, self.state_dir = home / "wireguard", home / "lib" / "deploy"
        self.conf_dir.mkdir()
        self.conf = self.conf_dir / "wgx9.conf"
        own = home / "lib" / "meshc"
        places = Directories(str(self.conf_dir), str(self.state_dir), str(own))
        self.interface = ManagedInterface("wgx9", places)

    def stage(self, **more: Any) -> State:
        content = self.conf.read_bytes() if self.conf.exists() else None
        request = StageCandidate(
            token=TOKEN,
            window=60,
            grace=0,
            way={},
            way_before={},
            sha=hashlib.sha256(content).hexdigest() if content is not None else "",
            activation=Activation.FILE,
            supervisor=Supervisor.WG_QUICK,
            env={},
            routes=Routes(),
            environment="",
            mark=None,
            conf=NEW,
            node_json='{"interface": "wgx9"}',
            program=sent_program.program(),
        )
        return deployment.stage(self.interface, replace(request, **more)).state

    def commit(self, token: str = TOKEN) -> State:
        return deployment.commit_confirmed(self.interface, CommitConfirmed(token)).state

    def verify(self) -> Verified:
        return deployment.verify(self.interface, Verify(TOKEN, "key", {"a": "::1"}, 0.1))

    def confirm(self) -> State:
        return deployment.confirm(self.interface, Confirm(TOKEN)).state

    def roll_back(self, token: str | None = TOKEN) -> State:
        return deployment.roll_back(self.interface, RollBack(token)).state

    def adopt(self, sha: str) -> State:
        return deployment.adopt(self.interface, Adopt(sha)).state

    def facts(self) -> Facts:
        return verbs.facts(self.interface, AskFacts("s"))

    def listing(self) -> list[str]:
        return sorted(os.listdir(self.conf_dir))

    def state(self) -> State:
        return self.facts().state
