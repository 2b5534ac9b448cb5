"""The rule shape of a node: its hook lines and rules, with signs for its own addresses.

Nodes of one group have the same rules, each about itself. Where two shapes are equal, what was read
of one holds for the other, its address in the place of the first one's. As a sender it stands in
the rules of its whole group, and is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshc.prefixes import BITS, Prefix
from meshc.wg.conf import Conf

Shape = tuple[object, ...]


def rule_shape(conf: Conf, own: Sequence[Prefix]) -> Shape:
    """Equal for files that do the same with packets, but for who they are."""
    text = "\n".join(conf.rules)
    for number, prefix in enumerate(own):
        text = _placed(text, prefix.address, BITS[prefix.family], f"@{number}")
    hooks = (conf.pre_up, conf.post_up)
    return (*hooks, conf.table, conf.fwmark, text, tuple(prefix.family for prefix in own))


def names_any(texts: Iterable[str], own: Iterable[Prefix]) -> bool:
    """Whether one of these addresses may stand in a text."""
    written = [prefix.address for prefix in own]
    return any(address in text for text in texts for address in written)


def _placed(text: str, address: str, bits: int, sign: str) -> str:
    """With a sign for each place where the address stands by itself, or as a whole prefix, and not
    as a sender: it may be the beginning of another one, or the name of a wider prefix."""
    first, *rest = text.split(address)
    found = [first]
    for part in rest:
        before, behind = found[-1], part.removeprefix(f"/{bits}")
        alone = before[-1:] in ("", " ") and behind[:1] in ("", " ", ",", "\n")
        sends = before.endswith("-s ") or behind.startswith(" : ")
        found += [sign if alone and not sends else address, part]
    return "".join(found)
