"""Values that somebody might put into a topology to break something, and where to put them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

HOSTILE = [
    "", " ", "a\nb", "a\rPostUp = reboot", "a\x00b", "\x1b[31m", "../../etc/passwd", "/etc", "..",
    ".", "-rf", "%i", "%i; reboot", "$(reboot)", "`reboot`", "a b", "'", '"', "a'b", "{x}", "{0}",
    "{message}", "%s", "a;b", "a|b", "a&b", "#", "a # b", "*", "&a", "!!python/object", "<<",
    "\u202e", "\ufeff", "\ud800", "é", "a" * 64, "a" * 100_000, "CON", "null", "true", "1", "0x10",
    "1e5", "[", "]", "]]>", "<script>", "= x", "[Peer]", "a,b", ",", "all", "none", "hosts",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(HOSTILE)
    | st.text(max_size=20)
    | st.sampled_from(["10.44.0.0/24", "fd44::/64", "hub", "laptop", "auto", "off", "[::1]:5"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place below the root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def put(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        tree = tree[step]
    tree[path[-1]] = value
