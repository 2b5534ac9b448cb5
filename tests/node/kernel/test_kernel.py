"""Boots a kernel that has WireGuard under qemu and runs `guest_checks.py` in it.

Needs vng (virtme-ng), qemu-system-x86_64, file, and a kernel in /boot with a wireguard module in
/lib/modules (Debian: linux-image-amd64). Software emulation will do: half a minute to boot.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.netns import byte_code, environment

ROOT = Path(__file__).resolve().parents[3]
CHECKS = Path(__file__).with_name("guest_checks.py")
# What is emulated costs minutes. A processor of 2008 has all that numpy needs and less for a kernel
# to set up; nobody attacks this machine; and code at the same address is translated once.
EMULATED = (
    "--qemu-opts=-cpu Nehalem",
    "--qemu-opts=-fsdev local,id=kept,path=/,security_model=none,readonly=on,multidevs=remap"
    " -device virtio-9p-pci,fsdev=kept,mount_tag=kept",
    "--append=mitigations=off",
    "--append=norandmaps",
)
BARE = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"  # the checks need none of the plugins that are installed


def installed_kernel() -> Path | None:
    """The newest kernel image in /boot whose modules include WireGuard."""
    found = [
        image
        for image in Path("/boot").glob("vmlinuz-*")
        for modules in (Path("/lib/modules") / image.name.removeprefix("vmlinuz-"),)
        if list(modules.glob("kernel/drivers/net/wireguard/wireguard.ko*"))
    ]
    return max(found, default=None)


def missing() -> str:
    if shutil.which("vng", path=_path()) is None:
        return "virtme-ng is not installed (PyPI: virtme-ng)"
    if shutil.which("qemu-system-x86_64") is None:
        return "qemu is not installed (Debian: qemu-system-x86)"
    if shutil.which("file") is None:
        return "file is not installed, by which vng tells one kernel from another (Debian: file)"
    if installed_kernel() is None:
        return "no kernel with a wireguard module is installed (Debian: linux-image-amd64)"
    return ""


def compile_here(checks: Path) -> None:
    """Fills the directory of compiled modules: the emulated machine takes minutes to do so."""
    needed = (
        "getpass, pytest, _pytest.main, pyroute2, meshc.node.lifecycle, meshc.engine.io.daemon,"
        " meshc.node.system.rtnetlink, meshc.node.interface_status, meshc.lab.forked"
    )
    collect = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "--collect-only", str(checks)]
    for arguments in (["-c", f"import {needed}"], collect):
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment() | {BARE: "1"},
            stdout=subprocess.DEVNULL,
            check=True,
        )


def keep_what_is_read() -> str:
    """Shell for the machine: with the root that it is given, each start of a program asks the host
    for every file again; nothing of these changes, so that it may keep what it has read."""
    places = {str(ROOT), sys.prefix, sys.base_prefix, byte_code(), "/usr"}
    options = "ro,version=9p2000.L,trans=virtio,access=any,msize=524288,cache=loose"
    mount = f"mkdir /run/kept && mount -t 9p -o {options} kept /run/kept || exit 1;"
    return mount + "".join(f" mount --bind /run/kept{one} {one};" for one in sorted(places))


def _path() -> str:
    """vng is installed beside the Python that runs the tests."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


@pytest.mark.slow(200)
@pytest.mark.root
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_in_a_virtual_machine() -> None:
    said = run_in_a_virtual_machine(CHECKS)
    assert "exit:0" in said, said
    assert "passed" in said
    assert "skipped" not in said


def run_in_a_virtual_machine(checks: Path) -> str:
    """Boots, runs a file of tests inside, and returns what it said."""
    vng = shutil.which("vng", path=_path())
    assert vng is not None
    compile_here(checks)
    inside = (
        f"{keep_what_is_read()}"
        # loaded now, or the settings they bring would appear between two snapshots
        f"modprobe -a tun wireguard nf_conntrack nft_ct nft_fib_ipv4 nft_fib_ipv6; cd {ROOT};"
        f" export {BARE}=1 MESHC_TEST_TIMEOUT=600 PYTHONPYCACHEPREFIX={byte_code()};"
        f" {sys.executable} -m pytest -p no:cacheprovider -q -x {checks} 2>&1; echo exit:$?"
    )
    done = subprocess.run(
        [
            # the longest of all tests, and one core is enough for the others while it lasts
            *("nice", "-n", "-10", vng, "--run", str(installed_kernel()), "--disable-kvm"),
            *("--cpus", "1", "--memory", "1G", "--user", "root"),
            *EMULATED,
            *("--", inside),
        ],
        # vng starts virtme-run, which lies beside it
        env=os.environ | {"PATH": _path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1500,
        check=False,
    )
    return done.stdout
