"""Name servers while the interface is up, by what the machine uses; put back afterwards."""

from __future__ import annotations

import base64
import errno
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.errors import NodeError
from meshc.node.change import Change
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine

RESOLVED = "resolvectl"
RESOLVCONF = "resolvconf"
FILE = "file"

RESOLV_CONF = Path("/etc/resolv.conf")
_RESOLVED_RUNS = Path("/run/systemd/resolve")
_RESOLVED_HINT = re.compile(r"systemd/resolve|systemd-resolved|127\.0\.0\.5[34]")
_ORDER = Path("/etc/resolvconf/interface-order")


@dataclass(frozen=True, slots=True)
class DnsFacts:
    """`manager` is one of the three words above. `content` is /etc/resolv.conf in base64 (None
    when it is missing), `link` its target when it is a symbolic link."""

    manager: str = FILE
    content: str | None = None
    link: str | None = None
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class DnsSet(Change):
    """Everything of `DnsFacts` before the change is kept in the state file."""

    interface: str
    servers: tuple[str, ...]
    search: tuple[str, ...]
    manager: str
    content: str | None = None
    link: str | None = None
    mode: int = 0o644

    @property
    def slot(self) -> Hashable:
        return ("dns", self.manager)

    @property
    def wish(self) -> Hashable:
        return ("dns", self.servers, self.search, self.manager)

    def inherit(self, old: Change) -> Change:
        if not isinstance(old, DnsSet):
            return self
        return replace(self, content=old.content, link=old.link, mode=old.mode)

    def heir(self, other: Change) -> Change | None:
        if self.manager != FILE or not isinstance(other, DnsSet) or other.manager != FILE:
            return None
        return other.inherit(self) if other.content == self.encoded() else None

    def describe(self) -> str:
        search = f", search {' '.join(self.search)}" if self.search else ""
        way = "/etc/resolv.conf" if self.manager == FILE else self.manager
        return f"DNS {' '.join(self.servers)}{search} (by {way})"

    def apply(self, machine: Machine) -> None:
        if self.manager == RESOLVED:
            for argv in self._resolvectl():
                _run(argv)
        elif self.manager == RESOLVCONF:
            _run(["resolvconf", "-a", self._label(), "-m", "0", "-x"], self._lines())
        else:
            _replace(RESOLV_CONF, self.text(), 0o644)

    def reverse(self, machine: Machine) -> None:
        if self.manager == RESOLVED:
            # the settings belong to the link: nothing to do once it has gone
            if shutil.which("resolvectl") and machine.netlink.link(self.interface):
                _run(["resolvectl", "revert", self.interface])
        elif self.manager == RESOLVCONF:
            if shutil.which("resolvconf"):
                _run(["resolvconf", "-d", self._label(), "-f"])
        else:
            self._put_back(machine)

    def text(self) -> bytes:
        """The file while the interface is up; `options` of the old one stay."""
        old = base64.b64decode(self.content or "").decode("utf-8", "replace").splitlines()
        options = [line for line in old if line.startswith("options ")]
        head = (
            f"# while {self.interface} is up; `meshc down {self.interface}` puts the old one back"
        )
        return "\n".join([head, *self._lines().splitlines(), *options, ""]).encode()

    def encoded(self) -> str:
        """`text` as `DnsFacts.content` holds it."""
        return _encode(self.text())

    def _put_back(self, machine: Machine) -> None:
        _scratch(RESOLV_CONF).unlink(missing_ok=True)
        now = read_facts()
        if (now.content, now.link) == (self.content, self.link):
            return
        if now.content != self.encoded():
            machine.note("/etc/resolv.conf was changed by somebody else meanwhile; left as it is")
            return
        if self.link is not None:
            RESOLV_CONF.unlink()
            RESOLV_CONF.symlink_to(self.link)
        elif self.content is None:
            RESOLV_CONF.unlink()
        else:
            _replace(RESOLV_CONF, base64.b64decode(self.content), self.mode)

    def _lines(self) -> str:
        lines = [f"nameserver {server}" for server in self.servers]
        if self.search:
            lines.append(f"search {' '.join(self.search)}")
        return "\n".join(lines) + "\n"

    def _resolvectl(self) -> list[list[str]]:
        name = self.interface
        return [
            ["resolvectl", "dns", "--", name, *self.servers],
            # the root domain sends every query here, as wg-quick's exclusive mode does
            ["resolvectl", "domain", "--", name, "~.", *self.search],
            ["resolvectl", "default-route", name, "yes"],
        ]

    def _label(self) -> str:
        """Debian's resolvconf ranks by the name before the first dot (interface-order(5))."""
        if _ORDER.exists():
            for line in _ORDER.read_text().splitlines():
                if line.endswith("*") and line[:-1].replace("-", "").isalnum():
                    return f"{line[:-1]}.{self.interface}"
        return self.interface


def read_facts() -> DnsFacts:
    """The manager is whoever really writes /etc/resolv.conf. A program that is only installed
    would take over a file that it does not own, or have no effect."""
    try:
        raw: bytes | None = RESOLV_CONF.read_bytes()
        mode = stat.S_IMODE(RESOLV_CONF.stat().st_mode)
    except OSError:
        raw, mode = None, 0o644
    link = os.readlink(RESOLV_CONF) if RESOLV_CONF.is_symlink() else None
    hints = f"{link} {(raw or b'').decode('utf-8', 'replace')}"
    manager = FILE
    if _RESOLVED_HINT.search(hints) and shutil.which("resolvectl") and _RESOLVED_RUNS.is_dir():
        manager = RESOLVED
    elif "resolvconf" in hints and shutil.which("resolvconf"):
        manager = RESOLVCONF
    return DnsFacts(manager, _encode(raw) if raw is not None else None, link, mode)


def _replace(path: Path, content: bytes, mode: int) -> None:
    """A new file in the place of the old one, or of a symbolic link; a file that is mounted
    there (as containers do) cannot be replaced and is written to."""
    scratch = _scratch(path)
    try:
        scratch.write_bytes(content)
        scratch.chmod(mode)
        try:
            scratch.replace(path)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            path.write_bytes(content)
    except OSError as error:
        raise NodeError(f"could not write {path}: {error.strerror}") from None
    finally:
        scratch.unlink(missing_ok=True)


def _scratch(path: Path) -> Path:
    return path.with_name(f".{path.name}.meshc")


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _run(argv: Sequence[str], text: str = "") -> None:
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NodeError(f"{argv[0]} could not be run: {error.strerror}") from None
    if done.returncode:
        raise NodeError(f"{argv[0]} failed: {done.stderr.strip() or done.returncode}")
