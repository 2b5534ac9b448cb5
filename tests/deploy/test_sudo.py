"""`become: true` against the real sudo: a machine with users and rules of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deploynet import SEGMENT, Field, field
from tests.support.netns import environment, needs_root, require
from tests.support.terminal import Terminal

pytestmark = [*needs_root, pytest.mark.slow]

PASSWORD = "correct horse 'battery' $(staple)"
USER = "operator9"
ONE = f"""\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]}}
nodes:
  hub:
    role: relay
    endpoint: 198.51.100.1
    deploy: {{host: {SEGMENT}.1, user: {USER}, become: true}}
  leaf: {{}}
"""
RULES = f"""\
Defaults !syslog, logfile=/run/sudo.log, passwd_timeout=5
{USER} ALL=(ALL:ALL) ALL
"""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Field]:
    """The hub knows one user more, only inside: with a password, and with sudo."""
    require("sudo", "openssl", "setsid")
    with field(tmp_path, "hub") as made:
        hub = made.machines["hub"]
        hashed = subprocess.check_output(
            ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, text=True
        ).strip()
        more = {
            "passwd": f"{USER}:x:59999:59999::/:/bin/bash\n",
            "shadow": f"{USER}:{hashed}:19000:0:99999:7:::\n",
            "group": f"{USER}:x:59999:\n",
        }
        for name, line in more.items():
            copy = tmp_path / name
            copy.write_text(hub.shell(f"cat /etc/{name}") + line)
            copy.chmod(0o600 if name == "shadow" else 0o644)
            hub.shell(f"mount --bind {copy} /etc/{name}")
        hub.shell("mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d")
        rule(made, RULES)
        made.write(ONE)
        made.build()
        yield made


def rule(net: Field, text: str) -> None:
    """These are the rules of sudo now, and nothing else."""
    file = net.home / "sudoers"
    hub = net.machines["hub"]
    hub.shell("! mountpoint -q /etc/sudoers || umount /etc/sudoers")
    file.write_text(text)
    file.chmod(0o440)
    hub.shell(f"mount --bind {file} /etc/sudoers")


@contextlib.contextmanager
def on_terminal(net: Field, *, password: str = PASSWORD) -> Iterator[Terminal]:
    """`meshc deploy hub --yes`; the password is typed when it is asked for."""
    command = [sys.executable, "-m", "meshc", "deploy", str(net.file), "hub", "--yes"]
    argv = net.controller.argv([*command, *net.options()])
    with Terminal(argv, env={**environment(), "TERM": "dumb"}) as terminal:
        terminal.wait_for("password for sudo on hub")
        terminal.type(password)
        yield terminal


def untouched(net: Field) -> bool:
    hub = net.machines["hub"]
    links = [link["ifname"] for link in hub.json("ip", "-j", "link")]
    return net.leftovers("hub") == [] and "wg0" not in links


def test_the_right_password_is_asked_for_once_and_told_to_nobody(net: Field) -> None:
    hub = net.machines["hub"]
    with on_terminal(net) as terminal:
        assert terminal.wait() == 0, terminal.said
        assert "hub: deployed" in terminal.said
        assert terminal.said.count("password for sudo") == 1
        assert PASSWORD not in terminal.said
    log = hub.shell("cat /run/sudo.log")
    assert "COMMAND=" in log
    assert "incorrect" not in log
    assert "staple" not in log
    written = [path.read_text(errors="replace") for path in net.home.rglob("*") if path.is_file()]
    assert not any(PASSWORD in text for text in written)
    with on_terminal(net) as terminal:
        assert terminal.wait() == 0
        assert "Nothing to change" in terminal.said
    assert hub.json("ip", "-j", "link", "show", "wg0")


def test_a_wrong_password_counts_once_and_changes_nothing(net: Field) -> None:
    with on_terminal(net, password="Tr0ub4dor") as terminal:
        assert terminal.wait() == 1
        assert "hub: sudo did not accept the password" in terminal.said
        assert "the login user's password on the node" in " ".join(terminal.said.split())
        assert "Tr0ub4dor" not in terminal.said
        assert "Traceback" not in terminal.said
    log = net.machines["hub"].shell("cat /run/sudo.log")
    assert "1 incorrect password attempt " in log
    assert "Tr0ub4dor" not in log
    assert untouched(net)


def test_a_user_who_is_not_in_the_rules(net: Field) -> None:
    rule(net, "Defaults !syslog, logfile=/run/sudo.log\nroot ALL=(ALL:ALL) ALL\n")
    with on_terminal(net) as terminal:
        assert terminal.wait() == 1
        assert "hub: sudo refuses:" in terminal.said
        assert "usermod -aG sudo" in terminal.said
        assert "Traceback" not in terminal.said
    assert untouched(net)


def test_a_user_who_may_run_something_else(net: Field) -> None:
    rule(net, f"Defaults !syslog, logfile=/run/sudo.log\n{USER} ALL=(ALL) NOPASSWD: /bin/ls\n")
    with on_terminal(net) as terminal:
        assert terminal.wait() == 1
        assert "hub: sudo refuses:" in terminal.said
    assert untouched(net)


def test_without_a_password_nothing_is_asked(net: Field) -> None:
    rule(net, f"Defaults !syslog\n{USER} ALL=(ALL) NOPASSWD: ALL\n")
    assert "hub: deployed" in net.deploy("hub").stdout


def test_python_that_sudo_does_not_find(net: Field) -> None:
    rule(net, f"Defaults !syslog, secure_path=/nowhere\n{USER} ALL=(ALL) NOPASSWD: ALL\n")
    done = net.deploy("hub", check=False)
    assert done.returncode == 1
    assert "the node has no python3" in done.stderr
    assert untouched(net)


def test_a_key_on_the_node_is_made_through_sudo_as_well(net: Field) -> None:
    own = "private_key_file: /etc/wireguard/own.key"
    net.file.with_suffix(".lock").unlink()  # it knows a public key already
    net.write(ONE.replace("    role: relay\n", f"    role: relay\n    {own}\n"))
    with on_terminal(net) as terminal:
        assert terminal.wait() == 0, terminal.said
        assert "made a private key in /etc/wireguard/own.key" in terminal.said
        assert terminal.said.count("password for sudo") == 1
