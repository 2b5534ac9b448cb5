"""The next hops of one wg-quick file: which peer an address goes to."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.wg.conf import Conf


class NextHops:
    """AllowedIPs of one file as the routing table that it is; the last peer to name a prefix
    has it."""

    def __init__(self, conf: Conf) -> None:
        self._hosts: dict[Prefix, PublicKey] = {}
        wide: dict[Prefix, PublicKey] = {}
        for peer in conf.peers:
            for prefix in peer.allowed_ips:
                (self._hosts if prefix.is_host else wide)[prefix] = peer.public_key
        self._wide = sorted(wide.items(), key=lambda item: -item[0].length)

    def of(self, address: Prefix) -> PublicKey | None:
        """The peer that a host address goes to, None when it stays out of the tunnel."""
        known = self._hosts.get(address)
        if known is not None:
            return known
        return next((peer for prefix, peer in self._wide if prefix.contains(address)), None)

    def of_all(self, addresses: Iterable[Prefix]) -> set[PublicKey]:
        found = map(self.of, addresses)
        return {peer for peer in found if peer is not None}
