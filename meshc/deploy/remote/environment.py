"""meshc in an environment of its own on the node, for interfaces that it has to run itself::

    /opt/meshc/versions/0.1.0-cpython-311-x86_64-linux-gnu/{bin,lib}    complete, or not there
    /opt/meshc/interfaces/wg0 -> ../versions/...                        what one interface uses

A version comes into being by one rename, and an interface changes its version by another, so that
a deploy that fails takes back its own link and nobody else's. What no link names and no process
runs from is removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from importlib.util import find_spec
from typing import BinaryIO

from meshc.deploy.protocol import FailureReason, Installed, InstallMeshc, OwnMeshc, Versions
from meshc.deploy.remote.base import (
    Refusal,
    directory_facts,
    read,
    run,
    sync_directory,
    sync_file_system,
)
from meshc.deploy.remote.deployment_record import EnvironmentChange

_AGAIN = ("deploy again", FailureReason.PACKAGES)
_IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,120}")
_SCRIPTS = {"meshc": "meshc.cli:main", "meshc-engine": "meshc.cli.engine:entry"}
_CHECK = "import numpy, cryptography.hazmat.primitives.ciphers.aead, meshc.node, meshc.engine.io"


def facts(interface: str, home: str) -> OwnMeshc:
    """What the controller chooses by: the Python that would run it, and what is there."""
    libc, version = platform.libc_ver()
    there = [name for name in _versions(home) if _python_runs(os.path.join(home, "versions", name))]
    return OwnMeshc(
        place=directory_facts(home),
        soabi=sysconfig.get_config_var("SOABI") or "",
        libc=(libc, version),
        pip=find_spec("ensurepip") is not None and find_spec("venv") is not None,
        there=frozenset(there),
        used=used(interface, home),
    )


def used(interface: str, home: str) -> str:
    """The version that the interface uses; empty for none."""
    try:
        return os.path.basename(os.readlink(_link(interface, home)))
    except OSError:
        return ""


def enter(interface: str, home: str) -> None:
    """Programs of the interface's own environment are found, after those of the machine."""
    os.environ["PATH"] += os.pathsep + os.path.join(_link(interface, home), "bin")


def install(home: str, request: InstallMeshc, stream: BinaryIO) -> Installed:
    """Makes a version from the archive that follows the request, whole or not at all."""
    identity = request.identity
    if not _IDENTITY.fullmatch(identity):
        raise Refusal(f"not a version of meshc: {identity!r}")
    os.umask(0o022)  # a unit without root's rights reads it as well
    path = os.path.join(home, "versions", identity)
    try:
        with _locked(home):
            _remove_parts(home)
            if _python_runs(path):
                return Installed(False)
            part = os.path.join(home, "versions", f".{identity}.part")
            try:
                os.makedirs(part)
                _fill(part, path, request, stream)
                # a link to files that a power cut emptied would be worse than none
                sync_file_system(part)
                if os.path.exists(path):  # its Python is gone, so that nothing runs from it
                    os.rename(path, f"{part}.old.part")
                os.rename(part, path)
                sync_directory(os.path.dirname(path))
                _remove_parts(home)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    except BaseException:
        _remove_empty(home)
        raise
    return Installed(True)


def change(interface: str, home: str, new: str) -> EnvironmentChange:
    """From what the interface uses now to a new version; empty: to none."""
    return EnvironmentChange(home, new, used(interface, home))


def switch(interface: str, to: EnvironmentChange) -> None:
    """The interface uses the new version from here on."""
    home, identity = to.home, to.new
    if identity == used(interface, home):
        return
    link, old, new = (_link(interface, home, end) for end in ("", ".old", ".new"))
    if identity:
        if identity not in _versions(home):
            raise Refusal(f"meshc {identity} is not in {home} any more", *_AGAIN)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.chmod(os.path.dirname(link), 0o755)
        _remove(new)
        os.symlink(os.path.join("..", "versions", identity), new)
    if os.path.lexists(link):
        _remove(old)
        os.link(link, old, follow_symlinks=False)
    if identity:
        os.replace(new, link)
    else:
        _remove(link)
    sync_directory(os.path.dirname(link))


def switch_back(interface: str, to: EnvironmentChange) -> None:
    """The interface uses what it used before the deployment: one rename, for a full disk."""
    if to.new == to.old:
        return
    link, old = (_link(interface, to.home, end) for end in ("", ".old"))
    if os.path.lexists(old):
        os.replace(old, link)
        _remove(old)  # a rename between two names of one file leaves both (rename(2))
    elif not to.old:
        _remove(link)


def settle(interface: str, to: EnvironmentChange) -> None:
    """The deployment is over: nobody needs the way back any more."""
    _remove(_link(interface, to.home, ".old"))
    prune(to.home)


def prune(home: str) -> None:
    """Removes what nobody uses. Leaves it to a later call when another process installs."""
    if not os.path.isdir(home):
        return
    with contextlib.suppress(BlockingIOError), _locked(home, fcntl.LOCK_NB):
        _remove_parts(home)
        busy = _linked(home) | _run_from(home)
        for name in _versions(home):
            if name not in busy:
                path = os.path.join(home, "versions", name)
                os.rename(path, os.path.join(home, "versions", f".{name}.part"))
        _remove_parts(home)
    _remove_empty(home)


def remove_unused(home: str) -> Versions:
    """After a deploy that failed before its candidate was staged."""
    prune(home)
    return Versions(tuple(_versions(home)))


def _fill(part: str, final: str, request: InstallMeshc, stream: BinaryIO) -> None:
    python = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    os.makedirs(os.path.join(part, "bin"))
    library = os.path.join(part, "lib", "python{}.{}".format(*sys.version_info), "site-packages")
    if request.locked:
        _fetch(part, python, request.locked)
    else:
        _bare(part, python)
    os.makedirs(library, exist_ok=True)
    _unpack(library, request.size, request.sha256, stream)
    for name in os.listdir(os.path.join(part, "bin")):
        if not name.startswith("python"):
            os.unlink(os.path.join(part, "bin", name))
    for name, entry in _SCRIPTS.items():
        module, _, function = entry.partition(":")
        script = os.path.join(part, "bin", name)
        with open(script, "w", encoding="utf-8") as file:
            # the interpreter by the name of its version: what runs goes on with its own modules
            # when the interface is given another one
            file.write(f"#!{final}/bin/python3 -I\nfrom {module} import {function}\n{function}()\n")
        os.chmod(script, 0o755)
    own = os.path.join(part, "bin", "python3")
    run([own, "-I", "-c", _CHECK], 300)  # and compiles what it imports


def _bare(part: str, python: str) -> None:
    """An environment by its definition (PEP 405): Debian keeps the module that makes one apart."""
    os.symlink(python, os.path.join(part, "bin", "python3"))
    with open(os.path.join(part, "pyvenv.cfg"), "w", encoding="utf-8") as file:
        file.write(f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\n")


def _fetch(part: str, python: str, locked: str) -> None:
    """The locked packages, by the node's own pip."""
    wanted = os.path.join(part, "requirements.lock")
    with open(wanted, "w", encoding="utf-8") as file:
        file.write(locked)
    run([python, "-m", "venv", part], 300)
    pip = [os.path.join(part, "bin", "python3"), "-m", "pip", "--disable-pip-version-check"]
    try:
        # what is imported is compiled by the check below; the rest never is
        run([*pip, "install", "-q", "--no-compile", "--only-binary", ":all:", "--require-hashes",
             "-r", wanted], 1500)  # fmt: skip
    except Refusal as refusal:
        raise Refusal(
            f"pip there could not fetch the packages of meshc: {refusal.failure.message}",
            "give the node a way to a package index (/etc/pip.conf), or deploy from a machine with "
            "the Python of the node ({}.{}): then the packages come from "
            "there".format(*sys.version_info),
            FailureReason.PACKAGES,
        ) from None


class _Measured:
    """A stream that counts and hashes what is read, and ends after `size` bytes."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size
        self.hash = hashlib.sha256()

    def read(self, count: int) -> bytes:
        data = self._stream.read(min(count, self._left))
        self._left -= len(data)
        self.hash.update(data)
        return data

    @property
    def missing(self) -> int:
        return self._left


def _unpack(library: str, size: int, digest: str, stream: BinaryIO) -> None:
    measured = _Measured(stream, size)
    fault = ""
    try:
        with tarfile.open(fileobj=measured, mode="r|gz") as archive:  # type: ignore[call-overload]
            for member in archive:
                _write_member(library, archive, member)
        while measured.read(1 << 16):
            pass
    except (tarfile.TarError, EOFError) as error:
        fault = str(error)
    if fault or measured.missing or measured.hash.hexdigest() != digest:
        raise Refusal(
            f"the packages of meshc did not arrive whole: {measured.missing} of {size} bytes are "
            "missing"
            if measured.missing
            else "the packages of meshc arrived damaged",
            *_AGAIN,
        )


def _write_member(library: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    steps = member.name.split("/")
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or {"", ".", ".."} & set(steps):
        raise Refusal(f"not a file of a package: {member.name!r}", reason=FailureReason.PACKAGES)
    path = os.path.join(library, *steps)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        shutil.copyfileobj(content, file, 1 << 16)


def _link(interface: str, home: str, end: str = "") -> str:
    return os.path.join(home, "interfaces", ("." if end else "") + interface + end)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _versions(home: str) -> list[str]:
    return [name for name in _listed(os.path.join(home, "versions")) if name[0] != "."]


def _listed(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _python_runs(path: str) -> bool:
    return os.path.exists(os.path.join(path, "bin", "python3"))  # false: its system was upgraded


def _linked(home: str) -> set[str]:
    links = os.path.join(home, "interfaces")
    return {os.path.basename(os.readlink(os.path.join(links, name))) for name in _listed(links)}


def _run_from(home: str) -> set[str]:
    """The versions that some process was started from. In a container the same path is another
    directory: its processes are none of ours."""
    start = os.path.join(home, "versions", "").encode()
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            first = (read(f"/proc/{pid}/cmdline") or b"").partition(b"\0")[0]
            if first.startswith(start) and _sees(pid, home):
                found.add(first[len(start):].partition(b"/")[0].decode())  # fmt: skip
    return found


def _sees(pid: str, home: str) -> bool:
    """Whether a process, in the mounts that it lives in, has our directory below this path."""
    path = os.path.join(home, "versions")
    try:
        return os.path.samefile(f"/proc/{pid}/root{path}", path)
    except PermissionError:
        return True  # it cannot be told: then nothing is taken away under it
    except (FileNotFoundError, NotADirectoryError):
        return False


def _remove_parts(home: str) -> None:
    for name in _listed(os.path.join(home, "versions")):
        if name[0] == ".":
            shutil.rmtree(os.path.join(home, "versions", name))


def _remove_empty(home: str) -> None:
    for path in (os.path.join(home, "versions"), os.path.join(home, "interfaces"), home):
        with contextlib.suppress(OSError):
            os.rmdir(path)


@contextlib.contextmanager
def _locked(home: str, more: int = 0) -> Iterator[None]:
    """Alone with the directory, which is its own lock; another may remove it while we wait."""
    while True:
        os.makedirs(home, mode=0o755, exist_ok=True)
        found = os.lstat(home)
        if os.path.islink(home) or found.st_uid != os.geteuid():
            raise Refusal(
                f"{home} is not a directory of root's own", "move it away", FailureReason.FOREIGN
            )
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | more)
            if os.path.exists(home) and os.path.samestat(os.fstat(descriptor), os.stat(home)):
                yield
                return
        finally:
            os.close(descriptor)
