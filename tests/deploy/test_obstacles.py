"""What stands in the way on a real machine: each a clear message, and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.deploynet import SEGMENT, Field, field, more_sshd
from tests.support.netns import needs_root

pytestmark = [*needs_root, pytest.mark.slow]

ONE = """\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{role: relay, endpoint: 198.51.100.1, deploy: {{host: {host}{more}}}}}
  leaf: {{}}
  other: {{}}
"""
SUDO = """#!/bin/bash
# stands in for sudo: -n refuses, -S reads one line and compares it
for word; do
  case $word in
    -n) echo 'sudo: a password is required' >&2; exit 1;;
    -S) read -r given; [ "$given" = "right $(echo x)" ] || { echo 'sudo: no' >&2; exit 1; };;
    --) shift; exec "$@";;
  esac
  shift
done
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with field(tmp_path_factory.mktemp("field"), "hub") as made:
        made.write(ONE.format(host=f"{SEGMENT}.1", more=""))
        made.build()
        yield made


def refused(net: Field, *words: str, host: str = f"{SEGMENT}.1", more: str = "") -> None:
    """The deploy says all of this, and the machine is as before."""
    before = net.machines["hub"].shell("ls -AR /etc/wireguard /var/lib; ip -4 -j addr")
    net.write(ONE.format(host=host, more=more))
    done = net.deploy("hub", check=False)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert net.machines["hub"].shell("ls -AR /etc/wireguard /var/lib; ip -4 -j addr") == before


def test_another_host_key(net: Field) -> None:
    right = net.known_hosts.read_text()
    other = (net.home / "login.pub").read_text()
    net.known_hosts.write_text(f"{SEGMENT}.1 {other}")
    try:
        refused(net, "E701", "host key", "ssh-keygen -R")
    finally:
        net.known_hosts.write_text(right)


def test_a_host_key_that_nobody_accepted_yet(net: Field) -> None:
    right = net.known_hosts.read_text()
    net.known_hosts.write_text("")
    try:
        refused(net, "E701", "is not in", "ssh_host_ed25519_key.pub")
    finally:
        net.known_hosts.write_text(right)


def test_a_key_file_that_is_not_there(net: Field) -> None:
    config = net.home / "ssh_config"
    right = config.read_text()
    config.write_text("IdentityFile /nowhere/id\nIdentitiesOnly yes\n")
    try:
        refused(net, "E701", "cannot read /nowhere/id: No such file", "IdentityFile")
    finally:
        config.write_text(right)


def test_a_port_where_nobody_listens(net: Field) -> None:
    refused(net, "E701", f"cannot reach {SEGMENT}.1: Connection refused", more=", port: 2229")


def test_a_machine_that_does_not_answer(net: Field) -> None:
    refused(net, "E701", "cannot reach 198.51.100.250", host=f"{SEGMENT}.250")


def test_sudo_that_wants_a_password_without_a_terminal(net: Field) -> None:
    net.machines["hub"].shell("mount -t tmpfs tmpfs /usr/local/sbin")
    try:
        sudo = net.home / "sudo"
        sudo.write_text(SUDO)
        net.machines["hub"].shell(f"install -m 755 {sudo} /usr/local/sbin/sudo")
        refused(net, "sudo wants a password", "NOPASSWD", more=", become: true")
    finally:
        net.machines["hub"].shell("umount /usr/local/sbin")


def test_a_login_without_rights(net: Field) -> None:
    hub = net.machines["hub"]
    passwd = net.home / "passwd"
    passwd.write_text(
        hub.shell("sed 's#^nobody:.*#nobody:x:65534:65534::/:/bin/bash#' /etc/passwd")
    )
    hub.shell(f"mount --bind {passwd} /etc/passwd")
    try:
        refused(net, "E702", "not root", "become: true", more=", user: nobody")
    finally:
        hub.shell("umount /etc/passwd")


def test_a_machine_without_iptables(net: Field) -> None:
    hub = net.machines["hub"]
    hub.shell("mount --bind /dev/null $(readlink -f /usr/sbin/iptables)")
    try:
        refused(net, "E704", "no iptables")
    finally:
        hub.shell("umount $(readlink -f /usr/sbin/iptables)")


def test_a_read_only_target(net: Field) -> None:
    hub = net.machines["hub"]
    hub.shell("mount -o remount,ro /etc/wireguard")
    try:
        refused(net, "E705", "/etc/wireguard is not writable")
    finally:
        hub.shell("mount -o remount,rw /etc/wireguard")


def test_a_full_disk(net: Field) -> None:
    hub = net.machines["hub"]
    hub.shell("mount -t tmpfs -o size=16k tmpfs /etc/wireguard")
    try:
        hub.shell("head -c 16k /dev/zero > /etc/wireguard/fill || true")
        refused(net, "E705", "bytes free")
    finally:
        hub.shell("umount /etc/wireguard")


def test_a_machine_without_python(net: Field) -> None:
    more_sshd(net, "hub", 2222, "/nowhere")
    refused(net, "E701", "no python3", "install it there", more=", port: 2222")


def test_a_file_of_somebody_else_is_not_overwritten(net: Field) -> None:
    hub = net.machines["hub"]
    hub.shell("echo '[Interface]' > /etc/wireguard/wg0.conf")
    try:
        refused(net, "W710", "meshc did not put there", "--overwrite-drift")
    finally:
        hub.shell("rm /etc/wireguard/wg0.conf")


def test_without_a_terminal_nothing_is_asked(net: Field) -> None:
    net.write(ONE.format(host=f"{SEGMENT}.1", more=""))
    done = net.meshc("deploy", "hub", check=False)
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert net.leftovers("hub") == []
