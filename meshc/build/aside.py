"""Work that mostly waits, done in a thread while this one goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Aside:
    """Begins at once; `finish` waits for it, and raises what it has raised.

    (concurrent.futures does this as well, and takes as long to import as such work takes.)
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as failure:
            self._failure = failure

    def wait(self) -> None:
        """Until it has ended, however."""
        self._thread.join()

    def finish(self) -> None:
        """Raises: what the work has raised."""
        self.wait()
        if self._failure is not None:
            raise self._failure
