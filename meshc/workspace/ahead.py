"""A second processor for part of a stream: a forked process produces it, this one takes it in."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from meshc.workspace.forking import portable

_T = TypeVar("_T")
_DONE = b"done"


class Ahead(Generic[_T]):
    """What `produce()` yields, made in a forked process while the caller works on what came
    before. Values are pickled. An exception of the producer is raised here.

    The process starts at once, not with the first value, and is gone after `close`.
    """

    def __init__(self, produce: Callable[[], Iterable[_T]]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._pipe, end_in = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._pipe)
            _produce(produce, end_in)
        os.close(end_in)

    def __iter__(self) -> Iterator[_T]:
        with os.fdopen(self._pipe, "rb", buffering=1 << 16, closefd=False) as source:
            while True:
                try:
                    value, error = pickle.load(source)
                except EOFError:
                    raise RuntimeError("the process that writes files has died") from None
                if error is not None:
                    raise error
                if value == _DONE:
                    return
                yield value

    def close(self) -> None:
        """Ends the process, finished or not; may be called again."""
        if self._child:
            os.close(self._pipe)
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0


def _produce(produce: Callable[[], Iterable[_T]], pipe: int) -> None:
    """Never returns: the process must not unwind into its parent's code."""
    gc.disable()
    status = 1
    try:
        with os.fdopen(pipe, "wb", buffering=1 << 16) as out:
            try:
                for value in produce():
                    pickle.dump((value, None), out, pickle.HIGHEST_PROTOCOL)
                    out.flush()
                pickle.dump((_DONE, None), out)
            except Exception as error:
                pickle.dump((None, portable(error)), out)
        status = 0
    finally:
        os._exit(status)
