"""Where the keys of a node or of the network stand, looked up when somebody asks: most never do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from meshc.diagnostics import Location
from meshc.topology.language.read.parsed_file import ParsedFile, Path

# sections, the nearest first: their place in the document, and the words that they give
Layout = tuple[tuple[Path, Collection[str]], ...]


class Locations(Mapping[str, Location]):
    """Maps a key to where it stands in the first section that gives it, `routes[1]` to the item
    of a list, and "" to where the section itself begins."""

    __slots__ = ("_layout", "_source")

    def __init__(self, source: ParsedFile, layout: Layout) -> None:
        self._source = source
        self._layout = layout

    def __reduce__(self) -> tuple[type[Locations], tuple[ParsedFile, Layout]]:
        return Locations, (
            self._source,
            tuple((path, tuple(words)) for path, words in self._layout),
        )

    def path(self, key: str) -> Path | None:
        """The place in the document that gives `key`; None when none does."""
        word, _, index = key.partition("[")
        item: Path = (int(index[:-1]),) if index else ()
        if not word:
            return self._layout[0][0]
        for path, words in self._layout:
            if word in words:
                return (*path, word, *item)
        return None

    def __getitem__(self, key: str) -> Location:
        path = self.path(key)
        if path is None:
            raise KeyError(key)
        return self._source.locate(path, key=not key)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(["", *(word for _, words in self._layout for word in words)]))

    def __len__(self) -> int:
        return sum(1 for _ in self)
