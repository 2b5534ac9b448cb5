"""The second road of a build: reading the topology at the start, proving the files at the end.

It is a process of its own, forked before anything large is imported. While the compiler is still
being loaded it reads the topology, then it loads the proof's libraries (numpy above all), and it
reads every file back as soon as it is staged. Where forking is of no use the same work is done in
this process.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar

from meshc.build.forking import can_fork, portable
from meshc.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from meshc.build.proving import Emitted
    from meshc.diagnostics import Diagnostic
    from meshc.keys import PublicKey
    from meshc.prefixes import Prefix
    from meshc.topology.language.spec import Spec
    from meshc.topology.proof import Verdict

    Topology = tuple[Spec, list[Diagnostic]]
    PublicKeys = Mapping[str, PublicKey]
    Addresses = Mapping[str, tuple[Prefix, ...]]


_T = TypeVar("_T")
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>


class Companion(Protocol):
    """`read`, then `topology`; `expect`, `take` for every file, then `verdict`; `close` in any
    case."""

    def read(self, path: Path) -> None:
        """Begins to read a topology file."""

    def topology(self) -> Topology:
        """What it says, and the findings. Raises: Refused, StateError, OSError."""

    def expect(self, keys: PublicKeys, addresses: Addresses) -> None:
        """What the topology leaves open, for the proof."""

    def take(self, emitted: Emitted) -> None: ...

    def verdict(self) -> Verdict:
        """Raises: ConfError, OSError."""

    def close(self) -> None: ...


class LocalCompanion:
    """Works in this process, when it is asked. Files on the disk are only read by `verdict`."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._spec: Spec | None = None
        self._known: tuple[PublicKeys, Addresses] | None = None
        self._files: list[Emitted] = []

    def read(self, path: Path) -> None:
        self._path = path

    def topology(self) -> Topology:
        assert self._path is not None
        self._spec, found = _read(self._path)
        return self._spec, found

    def expect(self, keys: PublicKeys, addresses: Addresses) -> None:
        self._known = keys, addresses

    def take(self, emitted: Emitted) -> None:
        self._files.append(emitted)

    def verdict(self) -> Verdict:
        assert self._spec is not None
        assert self._known is not None
        return _prove(self._spec, *self._known, iter(self._files))

    def close(self) -> None:
        self._files.clear()


class ForkedCompanion:
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
        self._send(path)

    def topology(self) -> Topology:
        return self._answer()  # type: ignore[no-any-return]

    def expect(self, keys: PublicKeys, addresses: Addresses) -> None:
        self._send((keys, addresses))

    def take(self, emitted: Emitted) -> None:
        content = emitted.content
        self._send(emitted._replace(content=None))
        self._send(None if content is None else content.reveal())

    def verdict(self) -> Verdict:
        self._send(None)
        return self._answer()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Ends the process, finished or not; may be called again."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0
            self._answers.close()
            with suppress(BrokenPipeError):  # nobody is left to read what was waiting
                self._requests.close()

    def _send(self, value: object) -> None:
        with suppress(BrokenPipeError):  # it has ended early: `_answer` tells why
            pickle.dump(value, self._requests, pickle.HIGHEST_PROTOCOL)
            self._requests.flush()

    def _answer(self) -> Any:
        try:
            answer, error = pickle.load(self._answers)
        except EOFError:
            raise RuntimeError("the process beside the compiler has died") from None
        if error is not None:
            raise error
        return answer


_early: ForkedCompanion | None = None


def fork_early() -> None:
    """Forks the companion that `open_companion` will give, where that is of use.

    For the very start of a program: one that never asks for it leaves a process behind that
    ends by itself with this one.
    """
    global _early
    if can_fork():
        _load_common()
        _early = ForkedCompanion()


def _load_common() -> None:
    """What both processes need is loaded once, before they part."""
    import meshc.build.workspace
    import meshc.keys
    import meshc.topology.language.spec
    import meshc.wg.conf

    meshc.keys.load()


def open_companion() -> Companion:
    """One in a process of its own where that is of use."""
    global _early
    early, _early = _early, None
    if early is not None:
        return early
    return ForkedCompanion() if can_fork() else LocalCompanion()


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
            _load("meshc.build.reading")
            path = pickle.load(source)
            read = _answer(out, lambda: _read(path))
            if read is not None:
                _load("meshc.topology.proof.proof")
                _keep_memory()
                keys, addresses = pickle.load(source)
                files = map(partial(_whole, source), iter(lambda: pickle.load(source), None))
                _answer(out, lambda: _prove(read[0], keys, addresses, files))
        status = 0
    except EOFError:
        status = 0  # the compiler has ended without a further question
    finally:
        os._exit(status)


def _load(module: str) -> None:
    """What takes long to import, while the compiler does the same with the rest."""
    with suppress(ImportError):  # the work that needs it tells
        import_module(module)


def _keep_memory() -> None:
    """Tells glibc to keep what was freed (mallopt(3)): the proof's arrays come and go by the
    hundred, and every page of memory that was given back costs a fault when it is wanted again."""
    import ctypes  # numpy has it already

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def _whole(source: IO[bytes], emitted: Emitted) -> Emitted:
    """The content comes behind it, as a secret is not pickled."""
    content: bytes | None = pickle.load(source)
    return emitted if content is None else emitted._replace(content=SecretBytes(content))


def _answer(out: IO[bytes], work: Callable[[], _T]) -> _T | None:
    """Sends what comes of it, or how it failed. Raises: EOFError when the compiler has ended."""
    result, failure = None, None
    try:
        result = work()
    except EOFError:
        raise
    except Exception as error:
        failure = portable(error)
    pickle.dump((result, failure), out, pickle.HIGHEST_PROTOCOL)
    out.flush()
    return result


def _read(path: Path) -> Topology:
    from meshc.build.reading import read_spec
    from meshc.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    return read_spec(path, diagnostics), diagnostics.items


def _prove(spec: Spec, keys: PublicKeys, addresses: Addresses, files: Iterator[Emitted]) -> Verdict:
    from meshc.build.proving import proven
    from meshc.topology.proof import expectation

    return proven(files, expectation(spec, public_keys=keys, addresses=addresses))
