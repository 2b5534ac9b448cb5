"""The words of a rule, for people: the shell that finds the interface of the default route when the
hook runs is `WAN`."""

from __future__ import annotations

import re

_FINDS_WAN = re.compile(r'"?\$\(\{ ip -[46] route show default;.*?sed 1q\)"?')


def rule_words(text: str) -> str:
    """A rule, or a sentence with one in it, as a reader of iptables(8) knows it."""
    return _FINDS_WAN.sub("WAN", text) if "$(" in text else text
