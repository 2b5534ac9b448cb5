"""An output that carries the wg-quick file somewhere: what must be around the file there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from meshc.errors import ConfError
from meshc.keys import PublicKey
from meshc.topology.proof.expectation import NodeFacts
from meshc.topology.proof.output_readers.conf_differences import (
    conf_differences,
    key_file,
    wg_quick_routes,
)
from meshc.topology.proof.output_readers.output_reading import OWN, OutputError, OutputReading
from meshc.values import dataclass
from meshc.wg.conf import Conf, parse

_SWITCHES = (
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv6.conf.all.forwarding", "1"),
)


class Carried(NamedTuple):
    """The wg-quick file that is walked, whose it is, and the names of its peers by their keys."""

    conf: Conf
    facts: NodeFacts
    names: dict[PublicKey, str]

    @property
    def interface(self) -> str:
        return self.facts.interface

    def differences(self, text: str, file: str) -> list[str]:
        """What differs in a copy of it. Raises: OutputError when wg-quick would not take that."""
        try:
            copy = parse(text, file=file)
        except ConfError as error:
            raise OutputError(f"{file}: wg-quick would refuse the file in it: {error}") from None
        if copy.save_config != self.conf.save_config:
            return ["have another SaveConfig"]
        reading = OutputReading(
            Conf(**{**_fields(copy), **_hooks(copy, self.interface)}),
            self.interface,
            wg_quick_routes(copy),
            key_file(copy),
        )
        return list(conf_differences(self.conf, reading, self.interface, self.names))

    def settings(self) -> dict[str, str]:
        """The sysctl settings without which wg-quick fails where /proc/sys is read-only."""
        found = {}
        if any(table == OWN and p.family == 4 for table, p in wg_quick_routes(self.conf)):
            found["net.ipv4.conf.all.src_valid_mark"] = "1"
        hooks = " ".join((*self.conf.pre_up, *self.conf.post_up))
        found.update((key, value) for key, value in _SWITCHES if key in hooks)
        if any(address.family == 6 for address in self.conf.addresses):
            found["net.ipv6.conf.all.disable_ipv6"] = "0"
            found["net.ipv6.conf.default.disable_ipv6"] = "0"
        return found


@dataclass(frozen=True, slots=True)
class CarriageReading:
    """What is wrong with an output that carries the file, and what cannot be judged."""

    faults: tuple[str, ...]
    unknown: tuple[str, ...]


def compared(
    wanted: Mapping[str, str], found: Mapping[str, str], more: Iterable[str] = ()
) -> CarriageReading:
    """Settings by their paths: what differs is a fault, what is there beside is not judged. A
    wanted value `*` is anything."""
    faults = []
    for path, value in wanted.items():
        if path not in found:
            faults.append(f"lack {path}" + ("" if value == "*" else f": {value}"))
        elif value not in ("*", found[path]):
            faults.append(f"have {found[path]} for {path}, not {value}")
    unknown = tuple(path for path in found if path not in wanted)
    return CarriageReading((*faults, *more), unknown)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The scalars of a tree by their paths: `services.wg0.ports.0`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}.{number}")
    else:
        yield path, str(value)


def documents(text: str, file: str) -> list[dict[str, Any]]:
    """The YAML documents of a file, all of them mappings. Raises: OutputError."""
    try:
        found = [one for one in yaml.load_all(text, StrictLoader) if one is not None]
    except (yaml.YAMLError, ValueError, RecursionError):
        raise OutputError(f"{file}: it is no YAML that a program reads") from None
    if not all(isinstance(one, dict) for one in found):
        raise OutputError(f"{file}: it is no mapping")
    return found


def only(files: Mapping[str, str]) -> tuple[str, str]:
    """The name and text of the one file. Raises: OutputError."""
    if len(files) != 1:
        raise OutputError(f"there are {len(files)} files, where one is needed")
    return next(iter(files.items()))


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) < len(keys):
            raise ValueError("a key twice")
        return super().construct_mapping(node, deep=deep)


def _fields(conf: Conf) -> dict[str, Any]:
    return {name: getattr(conf, name) for name in Conf.__slots__}


def _hooks(conf: Conf, interface: str) -> dict[str, tuple[str, ...]]:
    return {
        when: tuple(line.replace("%i", interface) for line in getattr(conf, when))
        for when in ("pre_up", "post_up", "pre_down", "post_down")
    }
