"""The role of `outputs: [ansible]`, played by ansible-core over SSH on two nodes in namespaces.

    python benchmarks/ansible_role.py                    ansible-core goes into a throwaway venv
    python benchmarks/ansible_role.py /usr/bin           where ansible-playbook lies

Root. Each node has a network and a mount namespace of its own with an sshd in it, and wireguard-go
where the kernel has no WireGuard. Played: from nothing (both reach each other), once more (nothing
changes), a change of the topology, a file that does not come up (the node has the old one back at
once), and a file that cuts the connection (the node has the old one back at the end of the window).
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.support.namespace_watchdog import NAMES, tell  # noqa: E402

TOPOLOGY = """\
meshc: 1
network: {name: played, addresses: [10.44.0.0/24], keepalive: KEEPALIVE}
nodes:
  hub: {address: 10.44.0.1, endpoint: 10.9.0.1, outputs: ansible, deploy: {host: 10.9.0.1}}
  leaf: {address: 10.44.0.2, outputs: ansible, deploy: {host: 10.9.0.2, user: root}}
"""
NODES = {"hub": "10.9.0.1", "leaf": "10.9.0.2"}
INSIDE = {"hub": "10.44.0.1", "leaf": "10.44.0.2"}
WINDOW, SHORT = 300, 30
PREFIX = f"mshan{os.getpid() % 10000}"


def run(*command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done


class Field:
    """A controller and two nodes on one bridge."""

    def __init__(self, place: Path, undo: contextlib.ExitStack) -> None:
        self.place, self.inside = place, {}
        self._namespace("ctl", "10.9.0.254", undo)
        run("ip", "-n", f"{PREFIX}ctl", "link", "add", "br0", "type", "bridge")
        run("ip", "-n", f"{PREFIX}ctl", "link", "set", "br0", "up")
        run("ip", "-n", f"{PREFIX}ctl", "addr", "add", "10.9.0.254/24", "dev", "br0")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / "key")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / "host")
        host = (place / "host.pub").read_text()
        (place / "known").write_text("".join(f"{ip} {host}" for ip in NODES.values()))
        for name, address in NODES.items():
            self._namespace(name, address, undo)
            self._cable(name, address)
            self._machine(name, undo)

    def _namespace(self, name: str, address: str, undo: contextlib.ExitStack) -> None:
        run("ip", "netns", "add", f"{PREFIX}{name}")
        undo.callback(run, "ip", "netns", "del", f"{PREFIX}{name}", check=False)
        there = NAMES / f"{PREFIX}{name}"
        for what in (f"net:[{there.stat().st_ino}]", there):  # also when this is killed
            tell(f"+{what}")
        run("ip", "-n", f"{PREFIX}{name}", "link", "set", "lo", "up")

    def _cable(self, name: str, address: str) -> None:
        here, there = f"{PREFIX}ctl", f"{PREFIX}{name}"
        run("ip", "-n", here, "link", "add", f"to-{name}", "type", "veth",
            "peer", "name", "eth0", "netns", there)  # fmt: skip
        run("ip", "-n", here, "link", "set", f"to-{name}", "master", "br0", "up")
        run("ip", "-n", there, "addr", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", there, "link", "set", "eth0", "up")

    def _machine(self, name: str, undo: contextlib.ExitStack) -> None:
        """A mount namespace in which /etc/wireguard and /run are the node's own, and sshd in it."""
        own = (
            "mkdir -p /etc/wireguard; mount -t tmpfs none /etc/wireguard; mount -t tmpfs none /run"
        )
        options = ["-o", f"HostKey={self.place}/host", "-o", "StrictModes=no"]
        options += ["-o", f"AuthorizedKeysFile={self.place}/key.pub", "-o", "PidFile=none"]
        options += [
            "-o",
            "PermitRootLogin=prohibit-password",
            "-o",
            "UsePAM=no",
            "-o",
            "Subsystem=sftp internal-sftp",
        ]
        serve = f"exec /usr/sbin/sshd -D -e -f /dev/null {shlex.join(options)}"
        log = (self.place / f"{name}.log").open("w")
        daemon = subprocess.Popen(
            ["ip", "netns", "exec", f"{PREFIX}{name}", "unshare", "--mount", "--pid", "--fork",
             "--kill-child", "--mount-proc", "sh", "-c", f"{own}; mkdir -p /run/sshd; {serve}"],
            stdout=log, stderr=log,
        )  # fmt: skip
        undo.callback(daemon.wait)
        undo.callback(daemon.kill)  # unshare(1) ignores the others, and takes its child along
        for _ in range(300):
            children = run("pgrep", "-P", daemon.pid, check=False).stdout.split()
            if children:
                self.inside[name] = children[0]
            if self.ssh(name, "true").returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError(f"no sshd: {(self.place / f'{name}.log').read_text()}")

    def ssh(self, name: str, command: str) -> subprocess.CompletedProcess[str]:
        return run("ip", "netns", "exec", f"{PREFIX}ctl", "ssh", *self.options, "-o",
                   "ConnectTimeout=2", f"root@{NODES[name]}", command, check=False)  # fmt: skip

    @property
    def options(self) -> list[str]:
        given = {"IdentityFile": "key", "UserKnownHostsFile": "known"}
        found = [f"-o{key}={self.place}/{file}" for key, file in given.items()]
        return ["-F", "/dev/null", *found, "-oBatchMode=yes"]

    def pings(self) -> None:
        for name in NODES:
            for other, address in INSIDE.items():
                if other != name:
                    told = self.ssh(name, f"ping -c 1 -W 5 {address}")
                    assert told.returncode == 0, f"{name} → {other}: {told.stdout}{told.stderr}"


def play(
    field: Field, programs: Path, only: str = "", window: int = WINDOW
) -> tuple[int, dict[str, dict[str, int]], str]:
    """(exit code, counts of each host, everything said)."""
    build = field.place / "build"
    inventories = [f"--inventory={build}/{name}/ansible/inventory.yaml" for name in NODES]
    ssh = " ".join([*field.options, "-oControlMaster=auto", "-oControlPersist=60s"])
    command = ["ip", "netns", "exec", f"{PREFIX}ctl", "env", "ANSIBLE_HOST_KEY_CHECKING=true",
               f"ANSIBLE_SSH_ARGS={ssh}",
               f"ANSIBLE_HOME={field.place}/ansible", "ANSIBLE_TIMEOUT=5", "LC_ALL=C.UTF-8",
               programs / "ansible-playbook", *inventories, "-e", f"wireguard_window={window}",
               "-e", "ansible_python_interpreter=/usr/bin/python3",
               f"{build}/hub/ansible/playbook.yaml"]  # fmt: skip
    if only:
        command += ["--limit", only]
    done = run(*command, check=False)
    said = done.stdout + done.stderr
    counts = {
        found[1]: {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", found[2])}
        for found in re.finditer(r"^(\w+) +: (ok=.*)$", said, re.M)
    }
    return done.returncode, counts, said


def compiled(field: Field, keepalive: int) -> None:
    from meshc.build.pipeline import compile_file

    (field.place / "mesh.yaml").write_text(TOPOLOGY.replace("KEEPALIVE", str(keepalive)))
    compile_file(field.place / "mesh.yaml")


@contextlib.contextmanager
def changed(file: Path, more: str) -> Iterator[None]:
    kept = file.read_text()
    file.write_text(kept.replace("\n\n[Peer]", f"\n{more}\n\n[Peer]", 1))
    assert more in file.read_text()
    yield
    file.write_text(kept)


def told(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def story(field: Field, programs: Path) -> None:
    def installed() -> str:
        return field.ssh("leaf", "sha256sum </etc/wireguard/wg0.conf").stdout

    compiled(field, 25)
    code, counts, said = play(field, programs)
    assert (code, all(one["changed"] >= 4 for one in counts.values())) == (0, True), said
    field.pings()
    mode = field.ssh("leaf", "stat -c %a /etc/wireguard/wg0.conf").stdout.strip()
    assert mode == "600", mode
    told("from nothing: both are up and reach each other; wg0.conf has mode 600")

    code, counts, said = play(field, programs)
    assert (code, [one["changed"] for one in counts.values()]) == (0, [0, 0]), said
    told("once more: nothing changed")

    compiled(field, 21)
    code, counts, said = play(field, programs)
    assert (code, counts["hub"]["changed"]) == (0, 0), said
    assert counts["leaf"]["changed"], said
    keepalive = field.ssh("leaf", "wg show wg0 persistent-keepalive").stdout
    assert keepalive.split()[-1] == "21", keepalive
    field.pings()
    told("another keepalive: the leaf alone changed")

    good, leaf = installed(), field.place / "build/leaf/wg0.conf"
    with changed(leaf, "PostUp = false"):
        code, counts, said = play(field, programs, "leaf")
    assert (code != 0, counts["leaf"]["failed"]) == (True, 1), said
    assert "went back to its old file" in said, said
    assert installed() == good
    field.pings()
    told("a file that does not come up: refused, and the old one is back")

    cut = "iptables -w -{} INPUT -p tcp --dport 22 -j DROP"
    with changed(leaf, f"PostUp = {cut.format('I')}\nPostDown = {cut.format('D')}"):
        started = time.monotonic()
        code, counts, said = play(field, programs, "leaf", SHORT)
    assert (code != 0, counts["leaf"]["ok"] >= 6) == (True, True), said
    while field.ssh("leaf", "true").returncode:
        assert time.monotonic() - started < 600, "the leaf did not come back"
        time.sleep(1)
    assert installed() == good
    field.pings()
    told("a file that cuts the connection: the node went back by itself")

    code, counts, said = play(field, programs)
    assert (code, counts["leaf"]["changed"]) == (0, 1), said  # the copy of the good file
    code, counts, said = play(field, programs)
    assert (code, [one["changed"] for one in counts.values()]) == (0, [0, 0]), said
    told("afterwards: as before")


def main() -> None:
    with contextlib.ExitStack() as undo:
        place = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        if len(sys.argv) > 1:
            programs = Path(sys.argv[1])
        else:
            run(sys.executable, "-m", "venv", place / "venv")
            run(place / "venv/bin/pip", "install", "-q", "ansible-core")
            programs = place / "venv/bin"
        print(run(programs / "ansible-playbook", "--version").stdout.splitlines()[0])
        story(Field(place, undo), programs)


if __name__ == "__main__":
    main()
