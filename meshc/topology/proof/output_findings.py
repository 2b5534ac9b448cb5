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
from meshc.topology.proof.output_readers.conf_differences import conf_differences
from meshc.topology.proof.output_readers.keyfile import read_keyfile
from meshc.topology.proof.output_readers.networkd_files import read_networkd
from meshc.topology.proof.output_readers.output_reading import OutputError, OutputReading

_MOST = 20
_READERS: Mapping[Output, Callable[[Mapping[str, str]], OutputReading]] = MappingProxyType(
    {
        Output.NETWORKD: read_networkd,
        Output.NETWORKMANAGER: read_keyfile,
    }
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
        reading = _READERS[output](texts)
        wrong = list(conf_differences(file.whole(), reading, facts.interface, names))
        unknown = reading.unknown
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
