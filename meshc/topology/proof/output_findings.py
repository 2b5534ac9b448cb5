"""Findings about outputs: what a program would do with a tunnel, and its wg-quick file does not.

The wg-quick file is walked; an output is held against it, so that both mean the same network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from meshc.diagnostics import Diagnostics, Location
from meshc.keys import PublicKey
from meshc.topology.language.spec import Output
from meshc.topology.proof.expectation import Expectation, NodeFacts, NodeFile
from meshc.topology.proof.output_readers.ansible_role import read_ansible
from meshc.topology.proof.output_readers.carried_conf import CarriageReading, Carried
from meshc.topology.proof.output_readers.compose_file import read_compose
from meshc.topology.proof.output_readers.conf_differences import conf_differences
from meshc.topology.proof.output_readers.keyfile import read_keyfile
from meshc.topology.proof.output_readers.kube_manifest import read_kube_manifest
from meshc.topology.proof.output_readers.networkd_files import read_networkd
from meshc.topology.proof.output_readers.nix_module import read_nix_module
from meshc.topology.proof.output_readers.output_reading import OutputError, OutputReading
from meshc.topology.proof.output_readers.user_data import (
    read_user_data,
    read_user_data_with_keys,
)

_MOST = 20


def _translated(
    read: Callable[[Mapping[str, str]], OutputReading],
) -> Callable[[Mapping[str, str], Carried], CarriageReading]:
    """Of an output that says the same in words of its own."""

    def reader(files: Mapping[str, str], carried: Carried) -> CarriageReading:
        reading = read(files)
        differences = conf_differences(carried.conf, reading, carried.interface, carried.names)
        return CarriageReading(tuple(differences), reading.unknown)

    return reader


READERS: Mapping[Output, Callable[[Mapping[str, str], Carried], CarriageReading]] = (
    MappingProxyType(
        {
            Output.NETWORKD: _translated(read_networkd),
            Output.NETWORKMANAGER: _translated(read_keyfile),
            Output.COMPOSE: read_compose,
            Output.CLOUD_INIT: read_user_data,
            Output.CLOUD_INIT_WITH_KEYS: read_user_data_with_keys,
            Output.NIXOS: read_nix_module,
            Output.KUBERNETES: read_kube_manifest,
            Output.ANSIBLE: read_ansible,
        }
    )
)


def judged_outputs(
    files: Iterable[NodeFile], expectation: Expectation, found: Diagnostics
) -> Iterator[NodeFile]:
    """The files as they come; what is wrong with their outputs goes into `found`."""
    names = {
        facts.public_key: name
        for name, facts in expectation.nodes.items()
        if facts.public_key is not None
    }
    for file in files:
        facts = expectation.nodes.get(file.name)
        if facts is not None:
            for output in facts.outputs:
                _judge(file, facts, output, names, found)
        yield file


def _judge(
    file: NodeFile,
    facts: NodeFacts,
    output: Output,
    names: dict[PublicKey, str],
    found: Diagnostics,
) -> None:
    mine = {one.name: one for one in file.outputs if one.output == output.value}
    place = Location(next((one.file for one in mine.values()), file.conf.file), 1, 1)

    def add(code: str, message: str, hint: str) -> None:
        found.add(code, message, place, path=f"nodes.{file.name}.outputs", hint=hint)

    unknown: tuple[str, ...] = ()
    try:
        if not mine:
            raise OutputError("there are no such files")
        texts = {name: one.text.reveal() for name, one in mine.items()}
        reading = READERS[output](texts, Carried(file.whole(), facts, names))
        wrong, unknown = list(reading.faults), reading.unknown
        if len(texts) == 1:
            unknown = tuple(f"{next(iter(texts))}: {setting}" for setting in unknown)
    except OutputError as error:
        wrong = [f"cannot be used: {error}"]
    for text in wrong[:_MOST]:
        add(
            "E456",
            f"{file.name}: its files for {output.value} {text}",
            "build again; a change belongs into the topology, so that both mean the same",
        )
    for text in unknown[:_MOST]:
        add(
            "W458",
            f"{file.name}: nothing is claimed about {text}",
            "take it out, or look yourself at what it changes",
        )
