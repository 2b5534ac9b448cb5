"""Boots a kernel that has WireGuard under qemu and runs `guest_checks.py` in it.

Needs vng (virtme-ng), qemu-system-x86_64, and a kernel in /boot with a wireguard module in
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
    if installed_kernel() is None:
        return "no kernel with a wireguard module is installed (Debian: linux-image-amd64)"
    return ""


def compile_here() -> None:
    """Fills the directory of compiled modules: the emulated machine takes minutes to do so."""
    needed = (
        "pytest, _pytest.main, rich.console, rich.table, meshc.cli.up, meshc.cli.down,"
        " meshc.cli.reload, meshc.cli.status, meshc.cli.engine, meshc.engine.io.daemon,"
        " meshc.node.netlink, meshc.node.backends.kernel, pyroute2"
    )
    collect = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "--collect-only", str(CHECKS)]
    for arguments in (["-c", f"import {needed}"], collect):
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            check=True,
        )


def _path() -> str:
    """vng is installed beside the Python that runs the tests."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_in_a_virtual_machine() -> None:
    vng = shutil.which("vng", path=_path())
    assert vng is not None
    compile_here()
    inside = (
        # loaded now, or the settings they bring would appear between two snapshots
        f"modprobe -a tun wireguard nf_conntrack nft_ct nft_fib_ipv4 nft_fib_ipv6; cd {ROOT};"
        f" export MESHC_TEST_TIMEOUT=600 PYTHONPYCACHEPREFIX={byte_code()};"
        f" {sys.executable} -m pytest -p no:cacheprovider -q -x {CHECKS} 2>&1; echo exit:$?"
    )
    done = subprocess.run(
        [
            *(vng, "--run", str(installed_kernel()), "--disable-kvm"),
            *("--cpus", "1", "--memory", "1G", "--user", "root"),
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
    assert "exit:0" in done.stdout, done.stdout
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
