"""What the compiler emits, read back and proven, file by file as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshc.secret import SecretBytes
from meshc.topology.proof import Expectation, NodeFile, Verdict
from meshc.wg.conf import Conf, parse
from meshc.wg.conf_reader import ConfReader


class Emitted(NamedTuple):
    """A node's wg-quick file: where it lies, or its content when it lies nowhere yet.

    `file` is its path in the build directory, for messages.
    """

    name: str
    file: str
    place: str
    content: SecretBytes | None = None

    def text(self) -> str:
        """What stands in it now. Raises: OSError."""
        if self.content is not None:
            return self.content.reveal().decode()
        with open(self.place, "rb", buffering=0) as file:
            return file.read().decode()


def proven(emitted: Iterator[Emitted], expectation: Expectation) -> Verdict:
    """Raises: ConfError, OSError."""
    from meshc.topology.proof import prove  # numpy, which the compiler itself does without

    reader = ConfReader()
    known: dict[str, Emitted] = {}

    def files() -> Iterator[NodeFile]:
        for each in emitted:
            known[each.name] = each
            conf, table = reader.read_table(each.text(), file=each.file)
            yield NodeFile(each.name, conf, table)

    def reread(name: str) -> Conf:
        return parse(known[name].text(), file=known[name].file)

    return prove(files(), expectation, reread=reread).verdict()
