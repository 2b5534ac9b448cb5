"""The worker: a process beside the compiler that reads the topology and proves the files.

It is forked before anything large is imported. While the compiler is still being loaded it reads
the topology, while that plans it loads the proof's libraries (numpy above all), and it reads every
file back as soon as it is staged. It halves the time of a build, small or large. Requests go one
way and answers come the other, in the order of the methods of `Worker`. Where forking is of no
use, `InlineWorker` does the same work in this process.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TypeVar

from meshc.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from meshc.diagnostics import Diagnostic
    from meshc.keys import PublicKey
    from meshc.prefixes import Prefix
    from meshc.topology.language.spec import Spec
    from meshc.topology.proof import NodeFile, Verdict
    from meshc.wg.conf import Conf

_T = TypeVar("_T")
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>


class ReadTopology(NamedTuple):
    """Asks for a topology file. The answer: TopologyRead."""

    path: Path


class Promises(NamedTuple):
    """Asks for the proof of the files that will follow, up to FilesComplete: what the topology
    leaves open. The answer: Verdict."""

    public_keys: Mapping[str, PublicKey]
    addresses: Mapping[str, tuple[Prefix, ...]]


class EmittedFile(NamedTuple):
    """A node's file: where it lies, or its content when it lies nowhere yet.

    `file` is its path in the build directory, for messages. `script` is what a router runs in
    place of the wg-quick file, `outputs` what other programs do.
    """

    name: str
    file: str
    place: str
    content: SecretBytes | None = None
    script: EmittedFile | None = None
    outputs: tuple[EmittedFile, ...] = ()

    def text(self) -> str:
        """What stands in it now. Raises: OSError."""
        if self.content is not None:
            return self.content.reveal().decode()
        with open(self.place, "rb", buffering=0) as file:
            return file.read().decode()


class FilesComplete(NamedTuple):
    """No file follows."""


class TopologyRead(NamedTuple):
    """What a topology file says, and the findings."""

    spec: Spec
    findings: list[Diagnostic]


class Failed(NamedTuple):
    """The answer of work that raised."""

    error: Exception


class Worker(Protocol):
    """`read`, `topology`, `promise`, `prove`, in this order and once each; `close` in any case."""

    def read(self, path: Path) -> None:
        """Begins to read a topology file."""

    def topology(self) -> TopologyRead:
        """Raises: Refused, StateError, OSError."""

    def promise(self, promises: Promises) -> None:
        """What `prove` will need. While the compiler plans there is time to look at it."""

    def prove(self, files: Iterable[EmittedFile]) -> Verdict:
        """Reads every file back as it comes. Raises: ConfError, OSError, what `files` raises."""

    def close(self) -> None: ...


class InlineWorker:
    """Works in this process. With `spec`, the topology has been read already."""

    def __init__(self, spec: Spec | None = None) -> None:
        self._path: Path | None = None
        self._spec = spec
        self._promises: Promises | None = None

    def read(self, path: Path) -> None:
        self._path = path

    def topology(self) -> TopologyRead:
        assert self._path is not None
        answer = _read(ReadTopology(self._path))
        self._spec = answer.spec
        return answer

    def promise(self, promises: Promises) -> None:
        self._promises = promises

    def prove(self, files: Iterable[EmittedFile]) -> Verdict:
        assert self._spec is not None
        assert self._promises is not None
        return _prove(self._spec, self._promises, files)

    def close(self) -> None:
        """Nothing is open."""


class ForkedWorker:
    """Works in a process of its own, which is gone after `close`.

    Any method that waits for it raises RuntimeError when the process has died.
    """

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

    def read(self, path: Path) -> None:
        self._send(ReadTopology(path))

    def topology(self) -> TopologyRead:
        answer: TopologyRead = self._answer()
        return answer

    def promise(self, promises: Promises) -> None:
        self._send(promises)

    def prove(self, files: Iterable[EmittedFile]) -> Verdict:
        for file in files:
            self._send(_sent(file))
        self._send(FilesComplete())
        answer: Verdict = self._answer()
        return answer

    def close(self) -> None:
        """Ends the process, finished or not; may be called again."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0
            self._answers.close()
            with suppress(BrokenPipeError):  # nobody is left to read what was waiting
                self._requests.close()

    def _send(self, request: ReadTopology | Promises | tuple[Any, ...]) -> None:
        with suppress(BrokenPipeError):  # it has ended early: `_answer` tells why
            pickle.dump(request, self._requests, pickle.HIGHEST_PROTOCOL)
            self._requests.flush()

    def _answer(self) -> Any:
        try:
            answer = pickle.load(self._answers)
        except EOFError:
            raise RuntimeError("the process beside the compiler has died") from None
        if isinstance(answer, Failed):
            raise answer.error
        return answer


def open_worker() -> Worker:
    """One in a process of its own where that is of use and safe: on Linux, with one thread and a
    second processor. What both processes need is loaded once, before they part."""
    if sys.platform != "linux" or threading.active_count() > 1 or len(os.sched_getaffinity(0)) < 2:
        return InlineWorker()
    import meshc.build.workspace
    import meshc.keys
    import meshc.topology.language.spec
    import meshc.wg.conf

    meshc.keys.load()
    return ForkedWorker()


def _serve(requests: int, answers: int) -> NoReturn:
    """The other process. It must not unwind into its parent's code."""
    gc.disable()
    # nothing here multiplies matrices, and threads that wait for that burn a processor each
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Ctrl-C reaches the whole group; the compiler tells this process when it is over
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = 1
    try:
        with os.fdopen(requests, "rb") as source, os.fdopen(answers, "wb") as out:
            topology = _answer(out, lambda: _serve_topology(source))
            if topology is not None:
                _answer(out, lambda: _serve_proof(topology.spec, source))
        status = 0
    except EOFError:
        status = 0  # the compiler has ended without a further question
    finally:
        os._exit(status)


def _serve_topology(source: IO[bytes]) -> TopologyRead:
    import meshc.build.topology_file  # noqa: F401  before it is asked for anything

    return _read(pickle.load(source))


def _serve_proof(spec: Spec, source: IO[bytes]) -> Verdict:
    import meshc.topology.proof.proof  # noqa: F401  before there is anything to prove

    _keep_memory()
    promises: Promises = pickle.load(source)
    return _prove(spec, promises, _files(source))


def _sent(file: EmittedFile) -> tuple[Any, ...]:
    """The file as it goes through the pipe, the one place where its content is not wrapped: a
    secret refuses to be pickled."""
    content = None if file.content is None else file.content.reveal()
    script = None if file.script is None else _sent(file.script)
    outputs = tuple(map(_sent, file.outputs))
    return file.name, file.file, file.place, content, script, outputs


def _received(
    name: str, file: str, place: str, content: bytes | None, script: Any, outputs: Any
) -> EmittedFile:
    return EmittedFile(
        name,
        file,
        place,
        None if content is None else SecretBytes(content),
        None if script is None else _received(*script),
        tuple(_received(*output) for output in outputs),
    )


def _files(source: IO[bytes]) -> Iterator[EmittedFile]:
    while not isinstance(sent := pickle.load(source), FilesComplete):
        yield _received(*sent)


def _answer(out: IO[bytes], work: Callable[[], _T]) -> _T | None:
    """Sends what comes of it, or how it failed. Raises: EOFError when the compiler has ended."""
    result, failure = None, None
    try:
        result = work()
    except EOFError:
        raise
    except Exception as error:
        failure = Failed(_portable(error))
    pickle.dump(failure or result, out, pickle.HIGHEST_PROTOCOL)
    out.flush()
    return result


def _portable(error: Exception) -> Exception:
    """The error if it survives pickling, else one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _keep_memory() -> None:
    """Tells glibc to keep what was freed (mallopt(3)): the proof's arrays come and go by the
    hundred, and every page of memory that was given back costs a fault when it is wanted again."""
    import ctypes  # numpy has it already

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def _read(request: ReadTopology) -> TopologyRead:
    from meshc.build.topology_file import read_spec
    from meshc.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    return TopologyRead(read_spec(request.path, diagnostics), diagnostics.items)


def _prove(spec: Spec, promises: Promises, files: Iterable[EmittedFile]) -> Verdict:
    # numpy, which the compiler itself does without
    from meshc.secret import SecretText
    from meshc.topology.proof import (
        NodeFile,
        ReadOutput,
        expectation,
        output_name,
        prove,
    )
    from meshc.wg.conf import parse
    from meshc.wg.conf_reader import ConfReader

    reader = ConfReader()
    known: dict[str, EmittedFile] = {}

    def read_back() -> Iterator[NodeFile]:
        for each in files:
            known[each.name] = each
            if each.script is not None:
                from meshc.topology.proof import read_script  # most networks have no router

                script = read_script(each.script.text(), file=each.script.file)
                yield NodeFile(each.name, script.conf, script=script)
                continue
            conf, table = reader.read_table(each.text(), file=each.file)
            outputs = tuple(
                ReadOutput(*name, one.file, SecretText(one.text()))
                for one in each.outputs
                if (name := output_name(one.file)) is not None
            )
            yield NodeFile(each.name, conf, table, outputs=outputs)

    def reread(name: str) -> Conf:
        return parse(known[name].text(), file=known[name].file)

    promised = expectation(spec, public_keys=promises.public_keys, addresses=promises.addresses)
    return prove(read_back(), promised, reread=reread).verdict()
