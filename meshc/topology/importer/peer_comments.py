"""What comments say of peers: their names, as the programs write them that people make their files
with, and who may sleep.

A comment with a label belongs to the section that it stands in when a setting follows, and to the
next one when a header follows. A bare word counts directly below its header only.
"""

from __future__ import annotations

import re
from dataclasses import replace

from meshc.wg.conf import Conf
from meshc.wg.sleeping_peers import sleeping_peers

# wg-install, wg-easy, Nyr's script, PiVPN, prometheus-wireguard-exporter, and people
_LABELS = (
    re.compile(r"(?:client|peer|user|device)\s*[:=]\s*(.+)", re.IGNORECASE),
    re.compile(r"(?:client|begin_peer|begin)\s+(\S+)", re.IGNORECASE),
    re.compile(r"(?:friendly[_ ])?name\s*[:=]\s*(.+)", re.IGNORECASE),
)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def with_comments(conf: Conf, text: str) -> Conf:
    """`conf`, which was read from `text`, with a name for each peer that a comment names."""
    names, sleepers = _by_line(text), sleeping_peers(text)
    peers = tuple(
        peer._replace(
            name=peer.name or names.get(peer.line, ""), may_sleep=str(peer.public_key) in sleepers
        )
        for peer in conf.peers
    )
    return replace(conf, peers=peers)


def _by_line(text: str) -> dict[int, str]:
    """The name for the section whose header stands in a line."""
    found: dict[int, str] = {}
    header, waiting, before = 0, "", ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line.startswith("["):
            header = number
            found[header], waiting = waiting, ""
        elif line.startswith("#"):
            words = line.strip("# \t")
            waiting = _labelled(words) or waiting
            if before.startswith("[") and _WORD.fullmatch(words):
                found[header] = found[header] or words
        elif line:
            # nothing was said before the header: this section's own
            found[header] = found.get(header) or waiting
            waiting = ""
        before = line
    return {line: name for line, name in found.items() if name}


def _labelled(words: str) -> str:
    for label in _LABELS:
        found = label.fullmatch(words)
        if found:
            # wg-easy writes an identifier in parentheses behind the name
            return found[1].partition("(")[0].strip()
    return ""
