"""The hooks of a file that meshc has written: what they say that the node is.

What a node forwards stands nowhere else where nobody makes use of it yet, or where those who do
send it all that they send.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.wg.conf import Conf

# hook lines, and the texts that stand in comments of a file
_FORWARD = re.compile(
    r"^(?:ip6?tables -w|#ip6?tables) -A MESHC-FWD-\S+ (?P<match>.*)-j ACCEPT$"
    r"|^#nft meta nfproto ipv[46] (?P<words>iifname .*)accept$"
)
_HIDE = re.compile(
    r"^(?:ip6?tables -w -t nat|#ip6?tables) -A MESHC-NAT-\S+ (?P<match>.*)-j MASQUERADE$"
    r"|^#nft meta nfproto ipv[46] (?P<words>.*)masquerade$"
)
_NFT_WORDS = (("iifname ", "-i "), ("oifname ", "-o "), ("ip daddr ", "-d "), ("ip6 daddr ", "-d "))
_INTO_LAN = re.compile(r"-i \S+ -d (?P<lan>\S+) ")
_KILL_TABLE = re.compile(r"nft 'table inet meshc-kill-")
_OPEN_PORT = re.compile(r"nft list chains \| awk .*MESHC-PORT-")
_RELAYED = re.compile(r"-i (?P<name>\S+) -o (?P=name) ")


class OwnHooks(NamedTuple):
    """`hides` says that LANs do not see who sends to them, `kills` that a kill switch stands,
    `opens` that the own port is opened, `nft` that any of it was written for nft alone."""

    relay: bool = False
    exit: bool = False
    lans: tuple[Prefix, ...] = ()
    hides: bool = False
    kills: bool = False
    opens: bool = False
    nft: bool = False


def own_hooks(conf: Conf) -> OwnHooks:
    """Nothing where the file is somebody else's."""
    lines = (*conf.pre_up, *conf.post_up, *conf.rules)
    forwards = [_match(found) for line in lines if (found := _FORWARD.match(line))]
    hidden = [_match(found) for line in lines if (found := _HIDE.match(line))]
    tools = {line[1:].partition(" ")[0] for line in conf.rules}
    lans = set()
    for match in forwards:
        into = _INTO_LAN.fullmatch(match)
        try:
            lans |= {Prefix.parse(into["lan"])} if into else set()
        except PrefixFormatError:
            continue
    return OwnHooks(
        relay=any(_RELAYED.fullmatch(match) for match in forwards),
        exit=any(" -d " not in match for match in hidden),
        lans=tuple(sorted(lans)),
        hides=any(" -d " in match for match in hidden),
        kills=any("-N MESHC-KILL-" in line or _KILL_TABLE.match(line) for line in lines),
        opens=any("-N MESHC-PORT-" in line or _OPEN_PORT.match(line) for line in lines),
        nft=tools == {"nft"}
        or any(_KILL_TABLE.match(line) or _OPEN_PORT.match(line) for line in lines),
    )


def _match(found: re.Match[str]) -> str:
    """What a rule is about, in the words of iptables."""
    text = found["match"]
    if text is None:
        text = found["words"].replace('"', "")
        for nft, word in _NFT_WORDS:
            text = text.replace(nft, word)
    return text
