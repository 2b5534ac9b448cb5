"""Names for nodes that only have keys: from comments, file names, endpoints."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from meshc.keys import PublicKey, fingerprint
from meshc.wg.conf import Conf, PeerConf

# words with a meaning of their own in a topology file
_RESERVED = frozenset({"all", "none", "relays", "direct", "hosts", "internet"})


def node_names(
    seen: Mapping[PublicKey, tuple[Conf | None, Sequence[tuple[Conf, PeerConf]]]],
) -> dict[PublicKey, str]:
    """A unique name for each key: its own `# Name`, what peers call it, the file's name unless
    that only names the interface, the endpoint's host, else the key's fingerprint."""
    wishes = {key: _wish(key, conf, peers) for key, (conf, peers) in seen.items()}
    # names that differ in case only are one file on some systems, and refused
    count = Counter(wish.casefold() for wish in wishes.values())
    names: dict[PublicKey, str] = {}
    for key, wish in sorted(wishes.items(), key=lambda item: (item[1], item[0])):
        unique = count[wish.casefold()] == 1 and wish.casefold() not in _RESERVED
        names[key] = wish if unique else f"{wish}-{fingerprint(key)[:4]}"
    return names


def _wish(key: PublicKey, conf: Conf | None, peers: Sequence[tuple[Conf, PeerConf]]) -> str:
    words = [conf.name] if conf else []
    words += [name for name, _ in Counter(p.name for _, p in peers if p.name).most_common()]
    if conf:
        parts = conf.file.replace("\\", "/").split("/")
        stem = parts[-1].removesuffix(".conf")
        # wireguard-install calls its files wg0-client-NAME.conf
        stem = re.sub(r"^wg\d+-client-", "", stem)
        words.append(stem if not re.fullmatch(r"(wg|tun|utun)\d*", stem) else "".join(parts[-2:-1]))
    words += [p.endpoint.host for _, p in peers if p.endpoint]
    return next((n for word in words if (n := _clean(word))), f"node-{fingerprint(key)[:6]}")


def _clean(word: str) -> str:
    """The first label of a host name, in the characters that a node name may have."""
    if re.fullmatch(r"[0-9.:\[\]]+", word):
        return ""
    label = word.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", label).strip("-_")[:58].strip("-_")
