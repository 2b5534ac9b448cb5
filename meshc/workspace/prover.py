"""The second road of a build: a process that reads back what the compiler emits, and proves it.

It is forked before anything large is imported, so that it loads its libraries (numpy above all)
while the compiler still reads the topology, and it reads every file as soon as it is staged.
Where forking is of no use the same work is done in this process, at the end.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from meshc.workspace.forking import can_fork, portable

if TYPE_CHECKING:
    from meshc.conf import Conf
    from meshc.topology.verify import Expectation, NodeFile, Verdict


class Emitted(NamedTuple):
    """A node's wg-quick file: where it lies, or its content when it lies nowhere yet.

    `file` is its path in the build directory, for messages.
    """

    name: str
    file: str
    place: str
    content: bytes | None = None

    def text(self) -> str:
        """What stands in it now. Raises: OSError."""
        if self.content is not None:
            return self.content.decode()
        with open(self.place, "rb", buffering=0) as file:
            return file.read().decode()


class Prover(Protocol):
    """`expect` first, `take` for every file, then `verdict`; `close` in any case."""

    def expect(self, expectation: Expectation) -> None: ...
    def take(self, emitted: Emitted) -> None: ...
    def verdict(self) -> Verdict: ...
    def close(self) -> None: ...


class LocalProver:
    """Proves in this process. Files that lie on the disk are only read by `verdict`."""

    def __init__(self) -> None:
        self._expectation: Expectation | None = None
        self._files: list[Emitted] = []

    def expect(self, expectation: Expectation) -> None:
        self._expectation = expectation

    def take(self, emitted: Emitted) -> None:
        self._files.append(emitted)

    def verdict(self) -> Verdict:
        """Raises: ConfError, OSError."""
        assert self._expectation is not None
        return _proven(iter(self._files), self._expectation)

    def close(self) -> None:
        self._files.clear()


class ForkedProver:
    """Proves in a process of its own, which is gone after `close`."""

    def __init__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        from_here, to_child = os.pipe()
        from_child, to_here = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(to_child)
            os.close(from_child)
            _serve(from_here, to_here)
        os.close(from_here)
        os.close(to_here)
        self._requests = os.fdopen(to_child, "wb", buffering=1 << 16)
        self._answers = os.fdopen(from_child, "rb")

    def expect(self, expectation: Expectation) -> None:
        self._send(expectation)

    def take(self, emitted: Emitted) -> None:
        self._send(emitted)

    def verdict(self) -> Verdict:
        """Raises: what proving raises there, RuntimeError when the process has died."""
        self._send(None)
        try:
            verdict, error = pickle.load(self._answers)
        except EOFError:
            raise RuntimeError("the process that proves the files has died") from None
        if error is not None:
            raise error
        return verdict  # type: ignore[no-any-return]

    def close(self) -> None:
        """Ends the process, finished or not; may be called again."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0
            self._answers.close()
            with suppress(BrokenPipeError):  # nobody is left to read what was waiting
                self._requests.close()

    def _send(self, value: Expectation | Emitted | None) -> None:
        with suppress(BrokenPipeError):  # it has ended early: `verdict` tells why
            pickle.dump(value, self._requests, pickle.HIGHEST_PROTOCOL)
            self._requests.flush()


def open_prover() -> Prover:
    """One in a process of its own where that is of use."""
    return ForkedProver() if can_fork() else LocalProver()


def _serve(requests: int, answers: int) -> None:
    """Never returns: the process must not unwind into its parent's code."""
    gc.disable()
    # nothing here multiplies matrices, and threads that wait for that burn a processor each
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Ctrl-C reaches the whole group; the compiler tells this process when it is over
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = 1
    try:
        with os.fdopen(requests, "rb") as source, os.fdopen(answers, "wb") as out:
            # what takes long to import, while the compiler reads the topology
            import meshc.conf
            import meshc.topology.verify.proof  # noqa: F401

            answer: tuple[Verdict | None, Exception | None]
            try:
                expectation = pickle.load(source)
                answer = (_proven(iter(lambda: pickle.load(source), None), expectation), None)
            except EOFError:
                os._exit(0)  # the compiler has ended without a question
            except Exception as error:
                answer = (None, portable(error))
            pickle.dump(answer, out, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)


def _proven(emitted: Iterator[Emitted], expectation: Expectation) -> Verdict:
    from meshc.conf import ConfReader, parse
    from meshc.topology.verify import NodeFile, prove

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
