"""The hooks of an imported file: which commands meshc does by itself, and which are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from meshc.topology.importer.own_hooks import own_hooks
from meshc.values import dataclass
from meshc.wg.conf import Conf

_TABLES = r"ip6?tables(?:-nft|-legacy)?\b"
# written by meshc itself: the whole line comes back with the next build
_OURS = re.compile(
    r"MESHC-|/run/meshc|\"\$CONFIG_FILE\"|\bmeshc-(?:kill-|hold-)?%i\b"
    r"|unreachable default metric 4278198272 |\bip -6 rule (?:add|del) not fwmark \d+ table "
    r"|^for f in /proc/sys/net/ipv6/conf/\*/accept_ra; do "
    r"|^sysctl -q -w net\.ipv[46]\.[a-z_.]+=1 \|\| \[ \"\$\(cat [a-z0-9/_]+\)\" = 1 \]$"
    r"|^\[ \"\$\(cat [a-z0-9/_]+\)\" = 1 \] \|\| sysctl -q -w net\.ipv[46]\.[a-z_.]+=1$"
)
_REPLACED = (
    re.compile(
        r"sysctl\s+(?:-[wq]+\s+)*net\.ipv[46]\.(?:ip_forward|conf\.all\.forwarding)\s*=\s*1"
    ),
    re.compile(r"echo\s+1\s*>\s*/proc/sys/net/ipv[46]/(?:ip_forward|conf/all/forwarding)"),
    re.compile(_TABLES + r"[^;&|]*-[AID]\s+FORWARD\b[^;&|]*-j\s+ACCEPT[^;&|]*"),
    re.compile(_TABLES + r"[^;&|]*-[AID]\s+POSTROUTING\b[^;&|]*-j\s+MASQUERADE[^;&|]*"),
)
_MASQUERADE = re.compile(r"-j\s+MASQUERADE|\bmasquerade\b")
_MASQUERADE_TO = re.compile(_TABLES + r".*-A\s+POSTROUTING\b(?P<rest>.*)-j\s+MASQUERADE")
_KEY_FILE = re.compile(r"wg\s+set\s+\S+\s+private-key\s+(?P<file>[^\s'\"<>|;&]+)")
_KEY_COMMAND = re.compile(
    r"(?P<pipe>[^;&]+?)\s*\|\s*wg\s+set\s+\S+\s+private-key\s+/dev/stdin"
    r"|wg\s+set\s+\S+\s+private-key\s+<\((?P<sub>[^()]+)\)"
)
_SHELL = re.compile(r"\|\||\b(?:if|for|while|case|do|then)\b|[(){}]")


@dataclass(frozen=True, slots=True)
class ForeignHooks:
    """Commands by key of the language (`post_up`). `replaced` is what meshc does by itself, and
    `key_file` and `key_command` where a hook takes the private key from."""

    kept: Mapping[str, tuple[str, ...]]
    replaced: Mapping[str, tuple[str, ...]]
    key_file: str | None = None
    key_command: str | None = None
    masquerades: bool = False
    to_internet: bool = False


def foreign_hooks(conf: Conf) -> ForeignHooks:
    """Sorts the commands of all hook lines; none is lost."""
    lines = {
        "pre_up": conf.pre_up,
        "post_up": conf.post_up,
        "pre_down": conf.pre_down,
        "post_down": conf.post_down,
    }
    kept: dict[str, tuple[str, ...]] = {}
    replaced: dict[str, tuple[str, ...]] = {}
    key_file = key_command = None
    for key, texts in lines.items():
        stay, go = [], []
        for text in texts:
            source = _KEY_COMMAND.fullmatch(text)
            if source:
                key_command = (source["pipe"] or source["sub"]).strip()
                continue
            left = []
            parts = () if _OURS.search(text) else tuple(_commands(text))
            for command in parts:
                file = _KEY_FILE.fullmatch(command)
                if file:
                    key_file = file["file"]
                elif any(one.fullmatch(command) for one in _REPLACED):
                    go.append(command)
                else:
                    left.append(command)
            if left:
                # a line of its own would stop wg-quick where it fails, and the whole did not
                stay.append(text.strip() if len(left) == len(parts) else "; ".join(left))
        kept[key], replaced[key] = tuple(stay), tuple(go)
    ups, own = [*conf.pre_up, *conf.post_up], own_hooks(conf)
    return ForeignHooks(
        kept,
        replaced,
        key_file,
        key_command,
        masquerades=own.hides if own.lans else any(_MASQUERADE.search(text) for text in ups),
        to_internet=any(map(_hides_from_internet, replaced["post_up"] + replaced["pre_up"])),
    )


def _hides_from_internet(command: str) -> bool:
    """A masquerade that is not for one destination: what an exit has."""
    found = _MASQUERADE_TO.search(command)
    return found is not None and " -d " not in found["rest"]


def _commands(line: str) -> Iterator[str]:
    """The commands of a line, cut at `;` and `&&`; a line with more of a shell in it is one."""
    if _SHELL.search(line):
        yield line.strip()
        return
    start, quote = 0, ""
    at = 0
    while at < len(line):
        letter = line[at]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == ";" or line.startswith("&&", at):
            if line[start:at].strip():
                yield line[start:at].strip()
            at += 1 if letter == ";" else 2
            start = at
            continue
        at += 1
    if line[start:].strip():
        yield line[start:].strip()
