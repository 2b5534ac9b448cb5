"""A parsed document, and where everything in it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meshc.diagnostics import Location
from meshc.values import dataclass, field

Path = tuple[str | int, ...]
Mark = tuple[int, int] | tuple[int, int, str]
"""Line and column, and the file where that is an included one."""


@dataclass(slots=True)
class ParsedFile:
    """A parsed document: `data` is made of dict (with text keys), list, str, int, float, bool
    and None; `locate` tells where a place in it stands in the file.

    `marks` has the places of what is in a mapping or list, by the identity of that: for a list
    one each, for a mapping those of key and value.
    """

    file: str
    data: Any
    marks: dict[int, Any] = field(default_factory=dict, repr=False)
    start: Mark = (1, 1)

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location:
        """The place of the value at `path` (of its key with `key`); where the path leaves the
        document, the deepest value on the way."""
        here = self.data
        mark = self.start
        last = len(path) - 1
        for depth, step in enumerate(path):
            marks = self.marks.get(id(here))
            if isinstance(here, dict) and isinstance(step, str) and step in here:
                assert marks is not None
                key_mark, value_mark = marks[step]
                # a mapping or list below its key is best pointed at by the key
                below = isinstance(here[step], dict | list)
                mark = key_mark if (key and depth == last) or below else value_mark
                here = here[step]
            elif isinstance(here, list) and isinstance(step, int) and 0 <= step < len(here):
                assert marks is not None
                mark = marks[step]
                here = here[step]
            elif isinstance(here, list) and isinstance(step, str):
                continue  # a short form: `servers: [a, b]` stands for `servers: {members: [a, b]}`
            else:
                break
        return place(mark, self.file)

    def actual(self, path: Path) -> Path:
        """`path` without the steps of forms that the file does not use: the item of a list that
        is written as one text, the `members` of a group that is written as a list."""
        here = self.data
        steps: list[str | int] = []
        for step in path:
            if isinstance(here, dict) and isinstance(step, str):
                here = here.get(step)
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                here = here[step]
            elif isinstance(step, int) or isinstance(here, list):
                continue
            else:
                here = None
            steps.append(step)
        return tuple(steps)

    def __getstate__(self) -> tuple[Any, ...]:
        """For pickle, which gives everything a new identity: the marks in a fixed order."""
        marks = [self.marks[id(one)] for one in _containers(self.data)]
        return self.file, self.data, marks, self.start

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.file, self.data, marks, self.start = state
        self.marks = dict(zip(map(id, _containers(self.data)), marks, strict=True))


def place(mark: Mark, file: str) -> Location:
    """Where a mark of a document stands, whose main file is `file`."""
    return Location(file if len(mark) == 2 else mark[2], mark[0], mark[1])


def _containers(data: Any) -> Iterator[Any]:
    """Every mapping and list, once, however often an alias repeats it."""
    seen: set[int] = set()
    waiting = [data]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict | list) and id(here) not in seen:
            seen.add(id(here))
            yield here
            waiting.extend(here.values() if isinstance(here, dict) else here)
