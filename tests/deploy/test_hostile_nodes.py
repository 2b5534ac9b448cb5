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

from meshc.build.check import check_text
from meshc.build.pipeline import compile_file
from meshc.diagnostics import Severity
from tests.support.deploynet import Field, field
from tests.support.fields import CANARY, COMMANDS, VALUES, Place, base, fields, placed
from tests.support.hostile import put
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

    def built(self, tree: dict[str, Any]) -> Path:
        """The file of a topology that can be built, and was."""
        file = self.topology(tree)
        compile_file(file)
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


def accepts(tree: dict[str, Any]) -> bool:
    """Whether it can be built."""
    found = check_text(json.dumps(tree), file="mesh.yaml")
    return not any(one.severity is Severity.ERROR for one in found.findings)


@pytest.fixture(scope="module")
def deployer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    with field(tmp_path_factory.mktemp("field"), "hub") as net:
        config, hosts = str(net.home / "ssh_config"), str(net.known_hosts)
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
    deployer.deploys(deployer.built(tree))
    deployer.hub.shell("wg-quick down wg0")
    said = deployer.hub.shell("cat /run/said").splitlines()
    wanted = [f"{key} {value}".replace("%i", "wg0") for key in HOOKS for value in ONE_LINE]
    assert said == wanted
    assert not deployer.canary()


def test_a_path_is_one_word(deployer: Deployer) -> None:
    """That of an engine, which is run, and that of a key, which is made in the very file: each of
    the values as one of them, and all that they hold in one path as both."""
    engine_at, key_at = ("nodes", "hub", "deploy", "engine"), ("nodes", "hub", "private_key_file")
    fit = [path for path in PATHS if accepts(placed(path, engine_at))]
    fit = [path for path in fit if accepts(placed(path, key_at))]
    assert len(fit) > 10
    whole = "/run/x/" + "".join(path.removeprefix("/run/x/") for path in fit if ".." not in path)
    assert accepts(placed(whole, engine_at))
    for engine, key in (*zip(fit[::2], fit[1::2], strict=True), (whole, f"{whole}.key")):
        tree = placed(engine, engine_at)
        tree["nodes"]["hub"]["private_key_file"] = key
        place = shlex.quote(engine)
        deployer.deploys(
            deployer.topology(tree),
            f'mkdir -p /run/x/.. "$(dirname -- {place})"; '
            f'install "$(command -v wireguard-go)" {place}',
        )
        assert f"{engine} wg0" in deployer.hub.processes()
        expanded = key.replace("%i", "wg0")
        public = deployer.hub.run("bash", "-c", 'wg pubkey < "$1"', "bash", expanded).stdout
        assert deployer.hub.run("wg", "show", "wg0", "public-key").stdout == public
        deployer.sweep()
        deployer.hub.shell("rm -rf /run/y /run/x")


def test_everything_else_that_is_accepted_arrives(deployer: Deployer) -> None:
    """A deploy for each value, in all the fields at once that take it, and one for the lists."""
    alone: dict[str, list[Place]] = {}
    lists: dict[Place, list[str]] = {}
    for place, listed in of_the_node():
        if place[-1] in OTHERWISE:
            continue
        for value in VALUES:
            if not accepts(placed([value] if listed else value, place)):
                continue
            if listed:
                lists.setdefault(place, []).append(value)
            else:
                alone.setdefault(value, []).append(place)
    assert alone
    assert lists
    trees = [placed(value, *places) for value, places in alone.items()]
    whole = base()
    for place, values in lists.items():
        put(whole, place, values)
    for tree in (*trees, whole):
        assert accepts(tree), tree
        deployer.deploys(deployer.built(tree))
