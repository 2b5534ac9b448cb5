"""The [Peer] sections of one file as a table: numbers into those that differ, and the secrets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshc.keys import PresharedKey, PublicKey
from meshc.prefixes import Prefix
from meshc.secret import SecretBytes
from meshc.values import dataclass
from meshc.wg.conf import PeerConf
from meshc.wg.endpoint import Endpoint


class PeerSection(NamedTuple):
    """A [Peer] section without its pre-shared key: its values, and how many lines it has."""

    key: PublicKey
    allowed_ips: tuple[Prefix, ...]
    endpoint: Endpoint | None
    keepalive: int | None
    name: str
    host_bits: tuple[str, ...]
    newlines: int
    preshared: bool


@dataclass(frozen=True, slots=True)
class PeerTable:
    """The [Peer] sections of one file: `numbers` into `known`, the different ones of all files that
    its reader has read so far.

    `secrets` holds 32 bytes for each, zeros where it has no pre-shared key (wg(8) knows no
    other difference); `line` is that of the first section.
    """

    known: Sequence[PeerSection]
    numbers: list[int]
    secrets: SecretBytes
    line: int

    def peers(self) -> tuple[PeerConf, ...]:
        """The same as one value each."""
        return tuple(self._peers())

    def _peers(self) -> Iterator[PeerConf]:
        line, secrets = self.line, self.secrets.reveal()
        for at, number in enumerate(self.numbers):
            key, allowed_ips, endpoint, keepalive, name, host_bits, newlines, preshared = (
                self.known[number]
            )
            psk = PresharedKey(secrets[32 * at : 32 * at + 32]) if preshared else None
            yield PeerConf(key, psk, allowed_ips, endpoint, keepalive, name, line, host_bits)
            line += newlines
