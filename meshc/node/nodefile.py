"""Finds and reads what is to be brought up: a wg-quick file and the facts beside it.

A name is looked for in the build directory (`build/NODE/IFACE.conf`) and in /etc/wireguard, as
wg-quick does; anything with a slash or `.conf` is a path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshc.errors import NodeError
from meshc.keys import PublicKey
from meshc.node.emitted_firewall import EmittedFirewall
from meshc.node.key_file import key_file_line
from meshc.values import dataclass, field
from meshc.wg.conf import Conf, parse
from meshc.wg.conf_text import decode_conf
from meshc.wg.sleeping_peers import sleeping_peers

ETC = Path("/etc/wireguard")
FACTS_NAME = "node.json"
_INTERFACE = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")
"""What wg-quick(8) accepts as the name of an interface."""


@dataclass(frozen=True, slots=True)
class InterfaceFile:
    """A file, read. `names` maps public keys to node names; `sleepers` are the public keys of
    peers that may be asleep by choice."""

    path: Path
    interface: str
    conf: Conf
    node: str = ""
    names: Mapping[PublicKey, str] = field(default_factory=dict)
    sleepers: frozenset[str] = frozenset()

    @property
    def firewall(self) -> EmittedFirewall:
        """The rules that the hooks of the file bring, as far as meshc wrote them."""
        return EmittedFirewall(self.conf, self.interface)

    def hooks(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        """The lines that remain to be run."""
        ours = frozenset((*self.firewall.lines.lines, key_file_line(self.conf)))
        return tuple(line for line in lines if line not in ours)


def find(target: str, build: Path) -> Path:
    """The file that `target` means. Raises: NodeError that lists the places looked at."""
    if "/" in target or target.endswith(".conf"):
        path = Path(target)
        if path.is_file():
            return path
        raise NodeError(f"there is no file {target}")
    looked = [ETC / f"{target}.conf"]
    in_build = sorted((build / target).glob("*.conf"))
    if len(in_build) > 1:
        raise NodeError(
            f"{build / target} holds several files ({', '.join(p.name for p in in_build)})",
            hint="name the one you mean by its path",
        )
    for path in (*in_build, *looked):
        if path.is_file():
            return path
    raise NodeError(
        f"neither {build / target}/*.conf nor {looked[0]} exists",
        hint="`meshc build` makes the first; --build names another build directory",
    )


def interface_of(path: Path) -> str:
    """`/etc/wireguard/wg0.conf` is for wg0. Raises: NodeError for a name that cannot be one."""
    if path.suffix != ".conf" or not is_interface_name(path.stem):
        raise NodeError(
            f"{path.name} does not name an interface",
            hint="the file must be called like the interface, at most 15 letters, and .conf",
        )
    return path.stem


def is_interface_name(text: str) -> bool:
    """What wg-quick(8) accepts."""
    return _INTERFACE.fullmatch(text) is not None and text not in (".", "..")


def read(path: Path) -> InterfaceFile:
    """Reads the file and `node.json` beside it. Raises: NodeError, ConfError."""
    interface = interface_of(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NodeError(f"could not read {path}: {error.strerror}") from None
    text = decode_conf(data, file=str(path))
    conf = parse(text, file=str(path))
    facts = path.parent / FACTS_NAME
    extra = _facts(facts, interface, conf) if facts.is_file() else {}
    sleepers = sleeping_peers(text)
    return InterfaceFile(path.resolve(), interface, conf, sleepers=sleepers, **extra)


def _facts(path: Path, interface: str, conf: Conf) -> dict[str, Any]:
    """Raises: NodeError when the file is not what `meshc build` writes."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("interface") != interface:
            return {}
        return {"node": str(data["name"]), "names": _names(conf, data.get("domain"))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodeError(
            f"{path} is not what `meshc build` writes ({type(error).__name__}: {error})",
            hint="build again, or remove the file to bring the configuration up by itself",
        ) from None


def _names(conf: Conf, domain: str | None) -> dict[PublicKey, str]:
    """Public key -> node, from the comments of the file: `laptop` or `laptop.DOMAIN`."""
    suffix = f".{domain}" if domain else ""
    return {p.public_key: p.name.removesuffix(suffix) for p in conf.peers if p.name}
