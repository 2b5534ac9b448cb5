"""Whether to fork, and what may come back from there."""

from __future__ import annotations

import os
import pickle
import sys
import threading


def can_fork() -> bool:
    """Whether a second process is of use here, and forking is safe: Linux, one thread, and
    a second processor."""
    return (
        sys.platform == "linux"
        and threading.active_count() == 1
        and len(os.sched_getaffinity(0)) > 1
    )


def portable(error: Exception) -> Exception:
    """The error if it survives pickling, else one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
