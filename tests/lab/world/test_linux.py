"""System calls by number: each does what it says, in a process that may be thrown away."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshc.lab.world import lab_state, linux

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def in_python(code: str, *argv: str) -> str:
    """What a new interpreter prints: these calls change the process that makes them."""
    done = subprocess.run(
        [sys.executable, "-c", f"import os\nfrom meshc.lab.world import linux\n{code}", *argv],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.root
@needs_root
@pytest.mark.parametrize(
    ("flag", "file"),
    [
        (linux.NEWNS, "mnt"),
        (linux.NEWUTS, "uts"),
        (linux.NEWIPC, "ipc"),
        (linux.NEWUSER, "user"),
        (linux.NEWPID, "pid_for_children"),
        (linux.NEWNET, "net"),
    ],
)
def test_exactly_the_namespace_of_the_flag_is_new(flag: int, file: str) -> None:
    code = (
        "import sys\n"
        "names = sorted(set(os.listdir('/proc/self/ns')) - {'time_for_children'})\n"
        "read = lambda: {name: os.readlink(f'/proc/self/ns/{name}') for name in names}\n"
        "before = read()\n"
        "linux.unshare(int(sys.argv[1]))\n"
        "hold, let_go = os.pipe()\n"
        "if os.fork() == 0:\n"  # until it has a process, a PID namespace has no file
        "    os.close(let_go)\n"
        "    os._exit(len(os.read(hold, 1)))\n"
        "after = read()\n"
        "os.close(let_go)\n"
        "os.wait()\n"
        "print(*[name for name in names if before[name] != after[name]])\n"
    )
    assert in_python(code, str(flag)).split() == [file]


@pytest.mark.root
@needs_root
def test_a_namespace_can_be_left_and_entered_again() -> None:
    code = (
        "home = os.open('/proc/self/ns/net', os.O_RDONLY)\n"
        "seen = [os.readlink('/proc/self/ns/net')]\n"
        "linux.unshare(linux.NEWNET)\n"
        "seen.append(os.readlink('/proc/self/ns/net'))\n"
        "linux.setns(home, linux.NEWNET)\n"
        "seen.append(os.readlink('/proc/self/ns/net'))\n"
        "print(*seen)\n"
    )
    (first, away, back) = in_python(code).split()
    assert first == back != away


@pytest.mark.root
@needs_root
def test_a_mount_has_its_kind_its_flags_and_its_options(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "linux.unshare(linux.NEWNS)\n"
        "linux.mount('none', '/', flags=linux.MS_REC | linux.MS_PRIVATE)\n"
        "safe = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC\n"
        "linux.mount('mine', sys.argv[1], 'tmpfs', safe, 'mode=711')\n"
        "print(*[l for l in open('/proc/self/mounts') if l.startswith('mine ')])\n"
    )
    name, where, kind, options = in_python(code, str(tmp_path)).split()[:4]
    assert (name, where, kind) == ("mine", str(tmp_path), "tmpfs")
    assert {"nosuid", "nodev", "noexec", "mode=711"} <= set(options.split(","))
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def test_a_call_that_fails_says_which_and_why() -> None:
    with pytest.raises(OSError, match="setns: Bad file descriptor") as caught:
        linux.setns(-1, linux.NEWNET)
    assert caught.value.errno == errno.EBADF
    with pytest.raises(OSError, match="mount /nowhere: ") as caught:
        linux.mount("none", "/nowhere", "tmpfs")
    assert caught.value.errno in (errno.ENOENT, errno.EPERM)


def test_a_process_shows_the_start_of_its_name() -> None:
    code = "linux.set_process_name('meshc-lab-and-more')\nprint(open('/proc/self/comm').read())"
    assert in_python(code).strip() == "meshc-lab-and-m"


def test_a_child_that_asked_for_it_ends_with_its_parent() -> None:
    code = (
        "import os, signal, sys, time\n"
        "from meshc.lab.world import linux\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    linux.die_with_parent(signal.SIGKILL)\n"
        "    print(os.getpid(), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
        assert lab_state.process_start(child) >= 0
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 60
    while lab_state.process_start(child) >= 0:
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.02)
