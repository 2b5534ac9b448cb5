"""What the language lets through arrives on a real node byte for byte, and runs nothing there."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshc.build.pipeline import compile_file
from meshc.errors import Refused
from tests.support.deploynet import Field, field
from tests.support.fields import CANARY, COMMANDS, VALUES, Place, base, fields, placed
from tests.support.netns import needs_root

pytestmark = [*needs_root, pytest.mark.slow(30)]

ONE_LINE = [value for value in VALUES if "\n" not in value]
PATHS = [value for value in ONE_LINE if value.startswith("/")]
# tried below by what they do, or (host, user) by test_hostile_fields: there is nobody to reach
OTHERWISE = {*COMMANDS, "private_key_file", "engine", "host", "user"}
# deploys each FILE of its input, one after the other, and tells how it ended
EACH = """
import asyncio, json, sys
from pathlib import Path
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.remote_keys import fetch_keys
from meshc.deploy.rollout import roll_out
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import targets
from meshc.build.pipeline import compare_file, compile_file

dial = Dialer(Path(sys.argv[1]), Path(sys.argv[2]))
tell = lambda *_: None
for line in sys.stdin:
    file = Path(line.strip())
    asyncio.run(fetch_keys(file, None, [], dial))
    found = asyncio.run(survey(targets(compare_file(file), ["hub"]), dial, tell))
    (end,) = asyncio.run(roll_out(found, dial, tell))
    print(json.dumps([end.end.name, end.message, *(str(f) for f in found[0].findings)]), flush=True)
"""


class Deployer:
    """A controller that goes on from one file to the next, and a machine that is swept between."""

    def __init__(self, net: Field, process: subprocess.Popen[str]) -> None:
        self.net = net
        self.hub = net.machines["hub"]
        self._process = process
        self._count = 0

    def accepts(self, tree: dict[str, Any]) -> Path | None:
        """The file of a topology that can be built."""
        file = self.topology(tree)
        try:
            compile_file(file)
        except Refused:
            return None
        return file

    def topology(self, tree: dict[str, Any]) -> Path:
        self._count += 1
        file = self.net.home / str(self._count) / "mesh.yaml"
        file.parent.mkdir()
        file.write_text(json.dumps(tree))
        return file

    def deploys(self, file: Path, prepare: str = "true") -> None:
        """It arrives as it was built, and nobody ran what is in it."""
        self.sweep()
        self.hub.shell(prepare)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{file}\n")
        self._process.stdin.flush()
        end, *said = json.loads(self._process.stdout.readline())
        assert end == "COMMITTED", (file.read_text(), said)
        (built,) = (file.parent / "build" / "hub").glob("*.conf")
        there = self.hub.run("cat", f"/etc/wireguard/{built.name}").stdout
        assert there == built.read_text()
        assert not self.canary()
        assert not Path(CANARY).exists()

    def canary(self) -> bool:
        return bool(self.hub.shell("ls -A /run | grep canary || :"))

    def sweep(self) -> None:
        self.hub.shell("""
            for file in /etc/wireguard/*.conf; do
              [ ! -e "$file" ] || wg-quick down "$file" || :  # the test may have done it
            done
            rm -rf /etc/wireguard/* /var/lib/meshc /run/x /run/said
        """)


@pytest.fixture
def deployer(tmp_path: Path) -> Iterator[Deployer]:
    with field(tmp_path, "hub") as net:
        config, hosts = str(tmp_path / "ssh_config"), str(net.known_hosts)
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with net.controller.start(sys.executable, "-c", EACH, config, hosts, **pipes) as process:
            try:
                yield Deployer(net, process)
            finally:
                process.kill()


def of_the_node() -> list[tuple[Place, bool]]:
    """The fields whose values one node gets; the other sections come down to these."""
    return [one for one in sorted(set(fields()), key=str) if one[0][0] in ("nodes", "network")]


HOOKS = ("pre_up", "post_up", "pre_down", "post_down")


def test_hooks_run_with_the_very_text(deployer: Deployer) -> None:
    tree = base()
    says = {key: [f"echo {key} {shlex.quote(v)} >> /run/said" for v in ONE_LINE] for key in HOOKS}
    tree["nodes"]["hub"] |= says
    file = deployer.accepts(tree)
    assert file is not None
    deployer.deploys(file)
    deployer.hub.shell("wg-quick down wg0")
    said = deployer.hub.shell("cat /run/said").splitlines()
    wanted = [f"{key} {value}".replace("%i", "wg0") for key in HOOKS for value in ONE_LINE]
    assert said == wanted
    assert not deployer.canary()


def test_the_path_of_an_engine_is_one_word(deployer: Deployer) -> None:
    tried = 0
    for path in PATHS:
        file = deployer.accepts(placed(path, ("nodes", "hub", "deploy", "engine")))
        if file is None:
            continue
        tried += 1
        place = shlex.quote(path)
        deployer.deploys(
            file,
            f'mkdir -p /run/x/.. "$(dirname -- {place})"; '
            f'install "$(command -v wireguard-go)" {place}',
        )
        assert f"{path} wg0" in deployer.hub.processes()
        deployer.sweep()
        deployer.hub.shell("rm -f /run/y")
    assert tried > 5


def test_a_key_is_made_in_the_very_file(deployer: Deployer) -> None:
    tried = 0
    for path in PATHS:
        if deployer.accepts(placed(path, ("nodes", "hub", "private_key_file"))) is None:
            continue
        tried += 1
        tree = base()
        tree["nodes"]["hub"]["private_key_file"] = path
        deployer.deploys(deployer.topology(tree), "mkdir -p /run/x/..")
        expanded = path.replace("%i", "wg0")
        public = deployer.hub.run("bash", "-c", 'wg pubkey < "$1"', "bash", expanded).stdout
        assert deployer.hub.run("wg", "show", "wg0", "public-key").stdout == public
        deployer.hub.shell("rm -f /run/y")
    assert tried > 5


def test_everything_else_that_is_accepted_arrives(deployer: Deployer) -> None:
    for place, listed in of_the_node():
        if place[-1] in OTHERWISE:
            continue
        values = [v for v in VALUES if deployer.accepts(placed([v] if listed else v, place))]
        together = deployer.accepts(placed(values, place)) if listed and values else None
        if together is not None:
            deployer.deploys(together)
        elif not listed:
            for value in values:
                file = deployer.accepts(placed(value, place))
                assert file is not None
                deployer.deploys(file)
