"""Forwarding of one family, switched on for as long as an interface needs it.

The same protocol on the same files as the hook lines of `meshc build`
(`meshc.render.firewall.hook_lines`): a directory with a file for each interface that needs
forwarding, and the values that were there before the first. Whoever goes last puts them back,
whether wg-quick or `meshc` brought it up, in any order.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.errors import NodeError
from meshc.node.change import Change
from meshc.node.system import sysctl
from meshc.node.system.forwarding_users import forwarding_users
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine

SWITCH = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
# What the kernel changes along with the switch: forwarding of every interface, redirects (IPv4,
# inet_forward_change) and whether router advertisements are believed (IPv6).
_SAVED = {
    4: (SWITCH[4], "net/ipv4/conf/*/forwarding", "net/ipv4/conf/*/accept_redirects"),
    6: (SWITCH[6], "net/ipv6/conf/*/forwarding", "net/ipv6/conf/*/accept_ra"),
}
_REDIRECTS = "net/ipv4/conf/all/accept_redirects"


@dataclass(frozen=True, slots=True)
class ForwardingOn(Change):
    """`family` is 4 or 6."""

    interface: str
    family: int

    @property
    def slot(self) -> Hashable:
        return ("forwarding", self.family)

    def describe(self) -> str:
        return f"forward IPv{self.family} (sysctl {SWITCH[self.family]} = 1)"

    def apply(self, machine: Machine) -> None:
        users, old = _places(machine.run_directory, self.family)
        try:
            users.mkdir(mode=0o755, parents=True, exist_ok=True)
            if not (old.exists() and old.stat().st_size):
                values = sysctl.read_all(_SAVED[self.family])
                old.write_text("".join(f"{sysctl.ROOT}/{k}:{v}\n" for k, v in values.items()))
            (users / self.interface).touch()
        except OSError as error:
            raise NodeError(f"could not write {users}: {error.strerror}") from None
        if self.family == 6:
            _keep_router_advertisements(machine)
        sysctl.write(SWITCH[self.family], "1")

    def reverse(self, machine: Machine) -> None:
        users, old = _places(machine.run_directory, self.family)
        (users / self.interface).unlink(missing_ok=True)
        if users.is_dir():
            if any(users.iterdir()):
                return
            users.rmdir()
        if not old.exists():
            return
        before = dict(line.rsplit(":", 1) for line in old.read_text().splitlines() if ":" in line)
        root = f"{sysctl.ROOT}/"
        before = {key.removeprefix(root): value for key, value in before.items()}
        if before.get(SWITCH[self.family]) != "1":
            others = forwarding_users(
                machine.netlink.links(), self.family, self.interface, machine.run_directory
            )
            if others:
                machine.note(
                    f"forwarding of IPv{self.family} stays on: {others[0]} may rely on it "
                    f"(`sysctl -w {SWITCH[self.family].replace('/', '.')}=0` switches it off)"
                )
                old.unlink()
                return
        _put_back(self.family, before)
        old.unlink()


def counted(run_directory: Path, interface: str) -> frozenset[int]:
    """The families that are kept on for the sake of an interface, too."""
    return frozenset(
        family for family in SWITCH if (_places(run_directory, family)[0] / interface).exists()
    )


def _places(run_directory: Path, family: int) -> tuple[Path, Path]:
    users = run_directory / f"forward{family}"
    return users, users.with_name(f"forward{family}.old")


def _keep_router_advertisements(machine: Machine) -> None:
    """A host that learned its own default route from a router goes on believing it, although it is
    a router itself now (ip-sysctl.rst, accept_ra = 2). In a container the values may be read-only;
    then whoever set up forwarding there has seen to it."""
    for key, value in sysctl.read_all(("net/ipv6/conf/*/accept_ra",)).items():
        if value == "1":
            try:
                sysctl.write(key, "2")
            except NodeError as error:
                machine.note(str(error))
                return


def _put_back(family: int, before: dict[str, str]) -> None:
    """What still is as it was left; what somebody changed since stays as they want it, also where
    the switch would change it."""
    now = {key: sysctl.read(key) for key in before}
    switch = SWITCH[family]
    wanted = {
        key: value if now[key] == _as_left(key, value) else now[key]
        for key, value in before.items()
    }
    for key in (switch, *(key for key in wanted if key != switch)):
        value = wanted.get(key)
        if value is not None and sysctl.read(key) not in (None, value):
            sysctl.write(key, value)


def _as_left(key: str, before: str) -> str:
    if key.endswith("forward") or key.endswith("forwarding"):
        return "1"
    if key == _REDIRECTS:
        return "0"
    return "2" if key.endswith("/accept_ra") and before == "1" else before
