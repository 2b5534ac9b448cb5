"""A piece of work that is cut short at any one of its steps, as by Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class CutShort:
    """So many calls (`left`) of the functions that went through `before` are made; the next one
    raises KeyboardInterrupt instead."""

    left = 0

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function, so that it becomes a method where it is put into a class."""

        def wrapped(*args: Any, **options: Any) -> Any:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            return function(*args, **options)

        return wrapped
