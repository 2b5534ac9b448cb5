"""One `nft` command of a hook line that draws up an own table for what the node itself sends, read
as the same rules of iptables; and the lines that put one rule for the own port into the chains of
others. Anything else that nft is told is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import TUNNEL

KILL_TABLE = f"meshc-kill-{TUNNEL}"
_TABLE = re.compile(rf"table inet {KILL_TABLE} {{ chain output {{ (?P<body>.*); }}; }}")
_HEAD = "type filter hook output priority 0; policy accept"
_DEVICE = re.compile(r'oifname "([^"\s]+)" (\w+)')
_MARK = re.compile(r"meta mark (\d+) (\w+)")
_ADDRESSES = re.compile(r"(ip6?) daddr (?:\{ ([^{}]+) \}|(\S+)) (\w+)")
_TARGETS = {"accept": "ACCEPT", "return": "RETURN", "reject": "REJECT", "drop": "DROP"}
_FAMILY = {"ip": 4, "ip6": 6}
# the chains of others, as nft lists them: where a rule with our comment goes in, and out again
_IN_CHAINS = (
    r"awk '/\^table \(inet\|ip\|ip6\) / \{ table = \$2 \" \" \$3; own = \$3 ~ /\^meshc-/ \}"
    r" /\^table \(arp\|bridge\|netdev\) / \{ own = 1 \}"
    r' \$1 == "chain" \{ chain = \$2 \} '
)
_PUT_IN = re.compile(
    rf"nft list chains \| {_IN_CHAINS}/type filter hook input/ && own != 1"
    r' \{ print "insert rule", table, chain, "iifname != \\"%i\\" udp dport \d{1,5} accept'
    r' comment \\"MESHC-PORT-%i\\"" \}\''
    r' \| while read -r rule; do nft "\$rule" \|\| true; done'
)
_TAKE_OUT = re.compile(
    rf'nft -a list ruleset 2>/dev/null \| {_IN_CHAINS}/comment "MESHC-PORT-%i"/ && own != 1'
    r' \{ print "delete rule", table, chain, "handle", \$NF \}\''
    r' \| while read -r rule; do nft "\$rule"; done \|\| true'
)


def opens_own_port(line: str) -> bool:
    """Whether a line lets in what comes for the own port, or stops doing so, and does no more."""
    return any(one.fullmatch(line) is not None for one in (_PUT_IN, _TAKE_OUT))


def own_table(words: tuple[str, ...]) -> tuple[tuple[int, tuple[str, ...]], ...] | None:
    """Family and words of iptables for each rule; None for any other command."""
    found = _TABLE.fullmatch(words[1]) if len(words) == 2 else None
    if found is None:
        return None
    head, _, body = found["body"].partition("; policy accept; ")
    if f"{head}; policy accept" != _HEAD:
        return None
    try:
        rules = [rule for statement in body.split("; ") for rule in _rules(statement)]
    except (KeyError, PrefixFormatError):
        return None
    chain = KILL_TABLE
    made = [(family, ("-N", chain)) for family in (4, 6)]
    rules = [(family, ("-A", chain, *rest)) for family, rest in rules]
    return (*made, *rules, *((family, ("-I", "OUTPUT", "-j", chain)) for family in (4, 6)))


def _rules(statement: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Raises: KeyError, PrefixFormatError."""
    device, mark, addresses = (one.fullmatch(statement) for one in (_DEVICE, _MARK, _ADDRESSES))
    if addresses is not None:
        family, target = _FAMILY[addresses[1]], _TARGETS[addresses[4]]
        for text in (addresses[2] or addresses[3]).split(", "):
            prefix = Prefix.parse(text)
            if prefix.family != family:
                raise KeyError(text)
            yield family, ("-d", str(prefix), "-j", target)
        return
    for family in (4, 6):
        if device is not None:
            yield family, ("-o", device[1], "-j", _TARGETS[device[2]])
        elif mark is not None:
            yield family, ("-m", "mark", "--mark", mark[1], "-j", _TARGETS[mark[2]])
        else:
            yield family, ("-j", _TARGETS[statement])
