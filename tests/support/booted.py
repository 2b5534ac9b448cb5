"""A machine with a real systemd as its first process: namespaces over a copy of this machine.

Its root is this machine's, below a file system in memory that takes the changes, so that it stays
the same machine over as many boots as the test wants. Each boot has new namespaces, a new boot id
and a clock that starts again, as far as the kernel lets it; switching off is SIGKILL for all.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.netns import ROOT, TIMEOUT, Namespace, byte_code, require, wait_until

SYSTEMD = Path("/lib/systemd/systemd")
CACHE = "/var/cache/meshc-tests"
# the checkout lies here in every machine: units have a /tmp of their own, where it may lie below
CHECKOUT = "/srv/meshc-tests"
_FRESH = ("/tmp/", "/run/", "/dev/")  # new and empty at each boot
# they belong to the machine below: its devices, its kernel, its consoles, its clock
_MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "console-getty.service", "dev-hugepages.mount",
    "dev-mqueue.mount", "dpkg-db-backup.timer", "e2scrub_reap.service", "fstrim.timer",
    "getty.target", "modprobe@.service", "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "systemd-binfmt.service", "systemd-firstboot.service", "systemd-hwdb-update.service",
    "systemd-journald-audit.socket", "systemd-modules-load.service", "systemd-random-seed.service",
    "systemd-remount-fs.service", "systemd-sysctl.service", "systemd-timesyncd.service",
    "systemd-udev-trigger.service", "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket", "systemd-udevd.service",
)  # fmt: skip
_HOLDER = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs {base}
cd {base}
mkdir upper work root cgroup
mount -t overlay -o lowerdir=/,upperdir={base}/upper,workdir={base}/work overlay root
mount -t cgroup2 none cgroup
mkdir cgroup/{name}
rm -rf root/etc/systemd/system root/etc/fstab
mkdir -p root/etc/systemd/system root/etc/systemd/journald.conf.d root{cache}
cd root/etc/systemd/system
for unit in {masked}; do ln -s /dev/null $unit; done
printf '[Journal]\\nStorage=volatile\\nForwardToConsole=no\\n' > ../journald.conf.d/tests.conf
tr -d - < /proc/sys/kernel/random/uuid > {base}/root/etc/machine-id
echo ready
exec sleep 100000
"""
_BOOT = """
set -e
echo $$ > {base}/cgroup/{name}/cgroup.procs
exec unshare --mount --net --uts --ipc --cgroup {clock} --pid --fork --kill-child \
    bash -c {inner}
"""
# the file systems that systemd expects of whoever starts it in a container
_INNER = """
set -e
cd {base}/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
cat /proc/sys/kernel/random/uuid > {base}/boot_id
mount --bind {base}/boot_id proc/sys/kernel/random/boot_id
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/net dev/pts dev/shm
for node in null zero full random urandom tty net/tun; do
    touch dev/$node; mount --bind /dev/$node dev/$node
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
touch dev/console; mount --bind {console} dev/console
mount --bind {byte_code} .{cache}
{more}
ip link set lo up
hostname booted
echo ready
read -r go
mkdir run/below
pivot_root . run/below
umount -l run/below; rmdir run/below
exec 0</dev/null >/dev/console 2>&1
exec setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-audit_control,-syslog \
    env -i container=meshc-tests PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    {systemd} --log-target=console --show-status=yes
"""


class NotHereError(Exception):
    """This machine cannot give what a booted one needs; says what."""


class BootedMachine(Namespace):
    """`plug` is called at each boot, when the machine has its network namespace and before
    systemd runs: it connects the cables."""

    plug: Callable[[], None] | None = None

    def __init__(self, name: str) -> None:
        self.pid = 0
        self.base = Path(tempfile.mkdtemp(prefix="meshc-booted-"))
        # a control group of a run that was killed stays, and numbers of processes come again
        self.name = f"{name}-{self.base.name.rpartition('-')[2]}"
        self._said = bytearray()
        self._console = -1
        self._unshare: subprocess.Popen[bytes] | None = None
        masked = " ".join(_MASKED)
        script = _HOLDER.format(base=self.base, name=self.name, masked=masked, cache=CACHE)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            _first_line(self._holder, "no root of its own")
        except BaseException:
            self.close()
            raise

    def argv(self, command: Sequence[str]) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--all", "--wd=/", *command]

    def meshc(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Started in here: processes have other numbers than outside."""
        return self.run(sys.executable, "-m", "meshc", *args, check=check)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file on its disk, whether it runs or not."""
        self._on_disk(f"mkdir -p .{Path(path).parent}; cat > .{path}; chmod {mode:o} .{path}", text)

    def read(self, path: str) -> str:
        """A file on its disk, whether it runs or not; empty when there is none."""
        return self._on_disk(f"[ ! -e .{path} ] || cat .{path}")

    def empty(self, *directories: str) -> None:
        """Directories that this machine below has filled."""
        self.remove(*directories)
        for path in directories:
            self._on_disk(f"mkdir -p .{path}")

    def remove(self, *paths: str) -> None:
        """What is on this machine below, and not to be on this one."""
        for path in paths:
            self._on_disk(f"rm -rf .{path}")

    def enable(self, unit: str) -> None:
        """A unit of the distribution that boots start."""
        wants = "etc/systemd/system/multi-user.target.wants"
        self._on_disk(f"mkdir -p {wants}; ln -s {SYSTEMD.parent}/system/{unit} {wants}/{unit}")

    def install_meshc(self) -> None:
        """`meshc` and `meshc-engine` in its PATH, from this checkout."""
        for program in ("meshc", "meshc-engine"):
            module = "from meshc.cli import main" if program == "meshc" else (
                "from meshc.cli.engine import entry as main"
            )  # fmt: skip
            self.write(
                f"/usr/local/bin/{program}",
                f"#!/bin/sh\nPYTHONPATH={CHECKOUT} PYTHONPYCACHEPREFIX={CACHE} "
                f"exec {_inside(sys.executable)} -c '{module}; main()' \"$@\"\n",
                0o755,
            )

    def boot(self) -> None:
        """Returns when everything that a boot starts has been started."""
        self.start_boot()
        self.wait_for_boot()

    def start_boot(self) -> None:
        """Returns when systemd has taken over."""
        master, self._console = os.openpty()
        self._said.clear()
        threading.Thread(target=self._listen, args=(master,), daemon=True).start()
        self._prepare(os.ttyname(self._console))
        if self.plug is not None:
            self.plug()
        assert self._unshare is not None
        assert self._unshare.stdin is not None
        self._unshare.stdin.write(b"go\n")
        self._unshare.stdin.close()

    def wait_for_boot(self) -> None:
        wait_until(self._started, patience=TIMEOUT, what=f"booting {self.name}")

    def reboot(self) -> None:
        """In good order: systemd stops what runs, then the machine starts again."""
        self.run("systemctl", "--no-block", "reboot")
        self._wait_for_end()
        self.boot()

    def cut_power(self) -> None:
        """Nothing is stopped in good order; what was written stays."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait_for_end()

    def close(self) -> None:
        if self._unshare is not None and self._unshare.poll() is None:
            self._unshare.kill()  # takes the first process with it, and that one all others
            self._unshare.wait(TIMEOUT)
        self._switched_off()
        if self._holder.poll() is None:
            self._remove_cgroups()
        self._holder.kill()
        self._holder.wait(TIMEOUT)
        _close(self._holder)
        shutil.rmtree(self.base)

    def console(self) -> str:
        """What it said while it booted."""
        return self._said.decode("utf-8", "replace")

    def _on_disk(self, script: str, text: str = "") -> str:
        argv = ["nsenter", f"--target={self._holder.pid}", "--mount", "bash", "-ec"]
        inside = f"umask 022; cd {self.base}/root; {script}"
        return subprocess.run(
            [*argv, inside], input=text, text=True, check=True, capture_output=True, timeout=TIMEOUT
        ).stdout

    def _prepare(self, console: str) -> None:
        """New namespaces with everything mounted; waits for a word before systemd starts."""
        inner = _INNER.format(
            base=self.base,
            console=console,
            byte_code=byte_code(),
            cache=CACHE,
            more=_elsewhere(),
            systemd=SYSTEMD,
        )
        script = _BOOT.format(
            base=self.base, name=self.name, clock=_clock(), inner=shlex.quote(inner)
        )
        self._unshare = subprocess.Popen(
            ["nsenter", f"--target={self._holder.pid}", "--mount", "bash", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _first_line(self._unshare, "no namespaces for systemd")
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        self.pid = int(children.read_text().split()[0])

    def _listen(self, console: int) -> None:
        with contextlib.suppress(OSError):  # EIO: nobody has it open any more
            while heard := os.read(console, 4096):
                self._said.extend(heard)
        os.close(console)

    def _started(self) -> bool:
        assert self._unshare is not None
        if self._unshare.poll() is not None:
            raise AssertionError(f"systemd ended while it booted:\n{self.console()}")
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in (
            "running",
            "degraded",
        )

    def _wait_for_end(self) -> None:
        assert self._unshare is not None
        self._unshare.wait(TIMEOUT)
        self._switched_off()

    def _switched_off(self) -> None:
        self.pid = 0
        if self._unshare is not None:
            _close(self._unshare)
        if self._console >= 0:
            os.close(self._console)
            self._console = -1

    def _remove_cgroups(self) -> None:
        """They stay as long as the last of the killed processes is not quite gone."""
        own = f"{self.base}/cgroup/{self.name}"
        script = f"find {own} -depth -type d -exec rmdir {{}} +"
        argv = ["nsenter", f"--target={self._holder.pid}", "--mount", "bash", "-c", script]
        wait_until(
            lambda: subprocess.run(argv, capture_output=True).returncode == 0,
            what="removing the control groups",
        )


@contextlib.contextmanager
def booted_machine(name: str) -> Iterator[BootedMachine]:
    """A machine that is not switched on yet; removed whatever happens. Skips the test, with the
    reason, where this machine cannot run one."""
    why = why_not()
    if why:
        pytest.skip(why)
    made = BootedMachine(name)
    try:
        yield made
    finally:
        made.close()


@functools.cache
def why_not() -> str:
    """Why systemd cannot be booted here; found out by doing it. Empty: it can."""
    if os.geteuid() != 0:
        return "needs root"
    if not SYSTEMD.exists():
        return "systemd is not installed (Debian: systemd)"
    require("unshare", "nsenter", "setpriv", "systemctl")
    try:
        made = BootedMachine("probe")
        try:
            made.boot()
        finally:
            made.close()
    except (NotHereError, AssertionError) as error:
        return f"systemd does not boot in namespaces here: {str(error).strip()[-300:]}"
    return ""


def _first_line(process: subprocess.Popen[bytes], what: str) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    if process.stdout.readline() != b"ready\n":
        said = process.stderr.read().decode().strip()
        process.wait(TIMEOUT)
        raise NotHereError(f"{what}: {said}")


def _close(process: subprocess.Popen[bytes]) -> None:
    """Its pipes; it has ended."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _clock() -> str:
    """The clock that counts from the boot starts anew, where the kernel can do that."""
    if not os.path.exists("/proc/self/ns/time"):
        return ""
    return f"--time --boottime {1 - int(time.clock_gettime(time.CLOCK_BOOTTIME))}"


def _inside(path: str) -> str:
    """Where a booted machine finds what lies in the checkout here."""
    own = f"{ROOT}/"
    return path.replace(own, f"{CHECKOUT}/", 1) if path.startswith(own) else path


def _elsewhere() -> str:
    """Mounts for what the tests run: the checkout, and what would not be seen at its own place."""
    mounts = {CHECKOUT: str(ROOT)}
    for place in (str(ROOT), sys.prefix, sys.base_prefix):
        if place.startswith(_FRESH) or os.stat(place).st_dev != os.stat("/").st_dev:
            mounts[place] = place
    return "".join(
        f"mkdir -p .{place}; mount --rbind {source} .{place}\n"
        for place, source in sorted(mounts.items())
    )
