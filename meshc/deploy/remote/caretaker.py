"""The caretaker of an interface that wg-quick's unit brought up, which looks at nothing afterwards.

It belongs to the unit and ends with it. What it does is what `meshc` does for its own interfaces:
a tunnel whose engine ended comes back, our chains are put back by the very lines of the file and
follow the default route, and endpoints follow their names.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import shutil
import socket
import time

from meshc.deploy.protocol import Supervisor
from meshc.deploy.remote import peer_endpoints, units
from meshc.deploy.remote.base import Refusal, read, run
from meshc.deploy.remote.conf_lines import run_hook, settings
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.supervision import is_up

STALE = 135  # seconds without a handshake, as `reresolve-dns` of wireguard-tools counts
PATIENCE = 3  # seconds that an interface may be gone while its unit says that it is active
_LOOK, _RULES, _NAMES, _SAVE = 2, 10, 10, 30  # seconds
_OURS = re.compile(
    r"(?:\[ .* \] \|\| )?ip6?tables -w (?:-t nat )?-[NADI] .*MESHC-(?:FWD|NAT|KILL|PORT)-%i\b"
)
_JUMP = re.compile(r"(?:\[ .* \] \|\| )?(ip6?tables) -w (?:-t (\w+) )?-I (\w+) -j (\S+)")
_SECTION = re.compile(r"(?m)^\s*\[")


def look_after(interface: ManagedInterface) -> None:
    """Goes on in the background until the unit ends it."""
    if os.fork():
        return
    os.setsid()
    caretaker = Caretaker(interface)
    while caretaker.look():
        time.sleep(_LOOK)


class Caretaker:
    """What was there when the interface had come up, and when to look at what again."""

    def __init__(self, interface: ManagedInterface, now: float | None = None) -> None:
        self.interface = interface
        self.begun = time.time() if now is None else now
        self.routing = default_routing(interface)
        self.uplinks = uplinks()
        self.next_rules = self.begun + _RULES
        self.next_names = self.begun + _NAMES
        self.next_save = self.begun + _SAVE

    def look(self, now: float | None = None) -> bool:
        """One look; False when there is nothing more to do because the unit starts anew."""
        now = time.time() if now is None else now
        if not is_up(self.interface):
            time.sleep(PATIENCE)
            return is_up(self.interface) or not self.start_anew("the interface has gone")
        try:
            if now >= self.next_rules:
                self.next_rules = now + _RULES
                if default_routing(self.interface) < self.routing:
                    return not self.start_anew("rules of its default route were flushed")
                self.put_back_chains()
            if now >= self.next_save:
                self.next_save = now + _SAVE
                peer_endpoints.save(self.interface)
            if now >= self.next_names:
                self.next_names = now + _NAMES
                if not self.follow_names(now):
                    return not self.start_anew("the name of an endpoint is not found inside of it")
        except Refusal as refusal:
            print(f"{self.interface.name}: {refusal}", flush=True)
        return True

    def start_anew(self, why: str) -> bool:
        """False where the unit is not active: somebody is stopping it, or it was never ours."""
        unit = units.name(self.interface, Supervisor.WG_QUICK_UNIT)
        shown = run(["systemctl", "show", "--property=ActiveState", "--value", unit], check=False)
        if shown.strip() != "active":
            return False
        print(f"{self.interface.name}: {why}; it is started again", flush=True)
        run(["systemctl", "restart", "--no-block", unit], check=False)
        return True

    def put_back_chains(self) -> None:
        """Runs the lines of the file again that make our chains, when one is not jumped to any
        more or the default route, whose interface they look up, is another."""
        conf = text_of(self.interface)
        lines = [line for line in settings(conf, "PreUp", "PostUp") if _OURS.match(line)]
        now = uplinks()
        if not lines or (now == self.uplinks and all(map(self._stands, lines))):
            return
        if not now and self.uplinks:
            return  # the default route is away: it comes back, or another does
        print(f"{self.interface.name}: chains put back, uplink {' '.join(now)}", flush=True)
        self.uplinks = now
        for line in lines:
            run_hook(line, self.interface.name)

    def _stands(self, line: str) -> bool:
        jump = _JUMP.fullmatch(line.replace("%i", self.interface.name))
        if jump is None:
            return True
        program, table, hook, chain = jump.groups()
        shown = run([program, "-w", "-t", table or "filter", "-S", hook], check=False)
        return f"-A {hook} -j {chain}" in shown.splitlines()

    def follow_names(self, now: float) -> bool:
        """Looks up again what is stale. False where a name cannot be found although all else
        should work: it is looked for in a tunnel that is dead."""
        stale = self._stale(now)
        for key, (host, port) in stale.items():
            try:
                found = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)
            except (OSError, UnicodeError):
                # only then does every question go into the tunnel
                return not (self.routing and settings(text_of(self.interface), "DNS"))
            address = str(found[0][4][0])
            at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            run(["wg", "set", self.interface.name, "peer", key, "endpoint", at], check=False)
        return True

    def _stale(self, now: float) -> dict[str, tuple[str, str]]:
        """Public key -> host name and port, of peers that should have a session and have none."""
        named = endpoint_names(text_of(self.interface))
        if not named or now - self.begun < STALE:
            return {}
        found = {}
        for line in run(["wg", "show", self.interface.name, "dump"], check=False).splitlines()[1:]:
            key, _, endpoint, _, handshake, _, sent = line.split("\t")[:7]
            wanted = endpoint == "(none)" or int(sent) > 0
            if key in named and wanted and now - int(handshake) > STALE:
                found[key] = named[key]
        return found


def text_of(interface: ManagedInterface) -> str:
    return (read(interface.conf) or b"").decode("utf-8", "replace")


def endpoint_names(conf: str) -> dict[str, tuple[str, str]]:
    """Public key -> host name and port, of the peers whose endpoint is no address."""
    found = {}
    for section in _SECTION.split(conf):
        endpoint, key = settings(section, "Endpoint"), settings(section, "PublicKey")
        if not (endpoint and key):
            continue
        host, _, port = endpoint[-1].rpartition(":")
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host.strip("[]"))
            continue
        found[key[-1]] = (host, port)
    return found


def default_routing(interface: ManagedInterface) -> frozenset[str]:
    """What wg-quick made for a default route, and others flush: its rules and its table of nft."""
    shown = run(["wg", "show", interface.name, "fwmark"], check=False).strip()
    if not shown.startswith("0x"):
        return frozenset()
    mark = int(shown, 16)
    found = {
        f"rule {family}"
        for family in ("-4", "-6")
        if f"lookup {mark}" in run(["ip", family, "rule", "show"], check=False)
    }
    if shutil.which("nft"):
        tables = run(["nft", "list", "tables"], check=False).splitlines()
        found |= {table for table in tables if table.endswith(f" wg-quick-{interface.name}")}
    return frozenset(found)


def uplinks() -> tuple[str, ...]:
    """The interfaces of the default routes, the preferred one of each family, `-` for none."""
    found = []
    for family in ("-4", "-6"):
        words = run(["ip", family, "route", "show", "default"], check=False).split()
        found.append(words[words.index("dev") + 1] if "dev" in words else "-")
    return () if found == ["-", "-"] else tuple(found)
