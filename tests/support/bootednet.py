"""Deployments to a machine that systemd runs: `hub`, beside an ordinary namespace `public`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.booted import BootedMachine, booted_machine
from tests.support.deploynet import Field, field
from tests.support.netns import wait_until

TOPOLOGY = """\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{endpoint: 198.51.100.1, deploy: {{host: 198.51.100.1, user: root{deploy}}}{hub}}}
  public: {{endpoint: 198.51.100.2, deploy: {{host: 198.51.100.2, user: root}}}}
{more}"""
STATE = "/var/lib/meshc/deploy/wg0/state.json"
_SSHD = """\
HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/login.pub
StrictModes no
UsePAM yes
PasswordAuthentication no
PermitRootLogin yes
"""
# whatever a login leaves behind ends with it, as on machines that are careful
_LOGIND = "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=nobody\n"
# deploys NODE and dies by SIGKILL when it has reached STEP
_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.rollout import roll_out
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import targets
from meshc.build.pipeline import compare_file, compile_file

file, node, stop, config, known = sys.argv[1:6]
window = float(sys.argv[6])
dial = Dialer(Path(config), Path(known))
def tell(_node, step):
    if step == stop:
        os.kill(os.getpid(), signal.SIGKILL)
found = asyncio.run(survey(targets(compare_file(Path(file)), [node]), dial, tell))
assert not found[0].findings, found[0].findings
sys.exit(str(asyncio.run(roll_out(found, dial, tell, window=window))))
"""


class BootedField:
    """`net` is the field with `hub`, which systemd runs, among its machines."""

    def __init__(self, net: Field, hub: BootedMachine) -> None:
        self.net, self.hub = net, hub

    def write(self, *, deploy: str = "", hub: str = "", more: str = "") -> None:
        """Other settings for the hub, and a build of them."""
        self.net.write(TOPOLOGY.format(deploy=deploy, hub=hub, more=more))
        self.net.build()

    def deploy_and_die(self, step: str, *, window: float) -> None:
        """A controller that is killed when it has reached a step."""
        process = self.start_deploy(step, window=window)
        assert process.wait(400) == -9, step

    def start_deploy(self, step: str = "", *, window: float) -> Any:
        argv = [str(self.net.file), "hub", step, str(self.net.home / "ssh_config")]
        known = str(self.net.known_hosts)
        return self.net.controller.start(sys.executable, "-c", _KILLED, *argv, known, str(window))

    def login(self, command: str) -> None:
        """A command over ssh, and the login ends."""
        options = ["-F", str(self.net.home / "ssh_config")]
        options += ["-o", f"UserKnownHostsFile={self.net.known_hosts}", "-o", "BatchMode=yes"]
        self.net.controller.run("ssh", *options, "root@198.51.100.1", command)

    def state(self) -> str:
        """That of the hub's deployment, read from its disk."""
        return str(json.loads(self.hub.read(STATE) or '{"state": ""}')["state"])

    def is_(self, question: str, unit: str) -> bool:
        """`systemctl is-QUESTION` on the hub."""
        done = self.hub.run("systemctl", f"is-{question}", "--quiet", unit, check=False)
        return done.returncode == 0

    def units(self, pattern: str) -> str:
        """The units that systemd holds at the moment, one a line; empty: none."""
        return self.hub.shell(f"systemctl list-units --no-legend '{pattern}'")

    def mtu(self) -> int:
        """That of the interface as it runs; 0 when there is none."""
        done = self.hub.run("ip", "-j", "link", "show", "wg0", check=False)
        return int(json.loads(done.stdout or "[{}]")[0].get("mtu", 0))

    def files(self) -> list[str]:
        """What deployments left on the hub's disk."""
        return sorted(
            self.hub.shell(
                "cd /etc; find wireguard systemd/system -mindepth 1 ! -type d "
                "\\( -name '*wg*' -o -name 'node*' -o -name '*meshc*' \\)"
            ).split()
        )

    def wait_for_sshd(self) -> None:
        wait_until(lambda: ":22 " in self.hub.shell("ss -Htln"), what="sshd")


@contextlib.contextmanager
def booted_field(home: Path) -> Iterator[BootedField]:
    """The hub has been booted and takes logins; nothing is deployed."""
    with field(home, "public") as net, booted_machine("hub") as hub:
        for name, mode in (("host_key", 0o600), ("login.pub", 0o644)):
            hub.write(f"/etc/ssh/{name}", (home / name).read_text(), mode)
        hub.write("/etc/ssh/sshd_config", _SSHD)
        hub.write("/etc/systemd/logind.conf.d/tests.conf", _LOGIND)
        hub.install_meshc()
        hub.empty("/etc/wireguard", "/etc/ssh/sshd_config.d", "/var/lib/meshc", "/var/lib/systemd")
        # what the login of this machine's root does is no part of the test
        hub.remove("/root/.bashrc", "/root/.bash_profile", "/root/.bash_login", "/root/.profile")
        hub.enable("ssh.service")
        hub.plug = lambda: net.plug("hub", hub)
        net.machines["hub"] = hub
        made = BootedField(net, hub)
        hub.boot()
        yield made
