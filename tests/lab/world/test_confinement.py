"""Whatever runs at a node of the lab, as root, changes nothing of the host::

relay ─── a        a's shell tries
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.world.control import Lab
from meshc.topology.language.spec import Nat
from tests.support.labs import a_spec, behind, relay
from tests.support.running import running

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(a_spec(relay(), behind("a", Nat.FULL_CONE))) as (made, _):
        yield made


def at_a(lab: Lab, script: str) -> tuple[int, str]:
    """The exit code and the output of a shell at node a."""
    done = lab.call("a", RunCommand(("sh", "-c", script)))
    return done.code, done.output


@pytest.mark.parametrize("directory", ["/etc", "/var/lib", "/tmp", "/root"])
def test_what_is_written_stays_inside(lab: Lab, directory: str) -> None:
    marker = Path(directory, f"meshc-{uuid.uuid4().hex}")
    code, said = at_a(lab, f"echo x > {marker} && cat {marker}")
    assert (code, said) == (0, "x\n")
    assert not marker.exists()


@pytest.mark.parametrize("directory", ["/usr", "/usr/bin", "/boot", "/"])
def test_elsewhere_nothing_is_written(lab: Lab, directory: str) -> None:
    marker = Path(directory, f"meshc-{uuid.uuid4().hex}")
    code, said = at_a(lab, f"echo x > {marker}")
    assert code != 0
    assert "Read-only file system" in said
    assert not marker.exists()


def test_the_files_of_this_checkout_stay_as_they_are(lab: Lab) -> None:
    before = Path(__file__).read_bytes()
    at_a(lab, f"echo '# changed' >> {Path(__file__).resolve()}")
    assert Path(__file__).read_bytes() == before


@pytest.mark.parametrize(
    "attempt",
    [
        "mount -o remount,rw /usr",
        "mount -t tmpfs none /mnt",
        "umount /proc/sys",
        "mknod /tmp/disk b 8 0",
        "date -s '2001-01-01'",
        "echo 1 > /proc/sys/kernel/panic",
        "nsenter --target 1 --mount true",
        "ls /proc/1/root/",
        "unshare --mount true",
        "chroot / true",
        "test -b /dev/vda || test -b /dev/sda || test -e /dev/mem",
        "echo x > /sys/kernel/profiling",
    ],
)
def test_root_of_a_machine_is_not_root_of_the_host(lab: Lab, attempt: str) -> None:
    code, _ = at_a(lab, attempt)
    assert code != 0


@pytest.mark.parametrize("file", ["sysrq-trigger", "kcore", "timer_list"])
def test_what_reaches_the_host_through_proc_is_a_dead_file(lab: Lab, file: str) -> None:
    """Looked at only: what it would do is not to be tried. Not every kernel has all of them."""
    path = f"/proc/{file}"
    assert at_a(lab, f"test ! -e {path} || stat -c %t:%T {path}") in [(0, ""), (0, "1:3\n")]


def test_what_a_node_needs_it_may(lab: Lab) -> None:
    script = (
        "set -e; echo 1 > /proc/sys/net/ipv4/ip_forward; sysctl -qw net.ipv4.ip_forward=0;"
        " ip link add probe0 type veth peer name probe1; ip link del probe0;"
        " iptables -N PROBE; iptables -X PROBE;"
        " test -c /dev/net/tun; echo x > /dev/null; echo x | cat /dev/fd/0"
    )
    assert at_a(lab, script) == (0, "x\n")
