"""A peer table is the same as one value for each [Peer] section, lines and keys included."""

from __future__ import annotations

from meshc.keys import PresharedKey, PublicKey, encode
from meshc.wg.conf import parse
from meshc.wg.conf_reader import ConfReader

KEYS = [PublicKey(encode(bytes([number]) * 32)) for number in range(1, 5)]
PSK = PresharedKey(bytes(range(32)))
TEXT = "[Interface]\n" + "".join(
    f"\n[Peer]\n# Name = n{number}\nPublicKey = {key}\n"
    + (f"PresharedKey = {PSK.reveal()}\n" if number % 2 else "")
    + f"AllowedIPs = 10.0.0.{number}/32\n"
    for number, key in enumerate(KEYS)
)


def test_a_table_unfolds_to_what_the_parser_reads() -> None:
    _, table = ConfReader().read_table(TEXT)
    assert table is not None
    assert table.peers() == parse(TEXT).peers
    assert [peer.preshared_key for peer in table.peers()] == [None, PSK, None, PSK]
    assert [peer.line for peer in table.peers()] == [
        number for number, line in enumerate(TEXT.split("\n"), 1) if line == "[Peer]"
    ]


def test_a_table_holds_its_keys_as_one_secret() -> None:
    _, table = ConfReader().read_table(TEXT)
    assert table is not None
    assert table.secrets.reveal() == (bytes(32) + PSK.raw) * 2
    assert repr(PSK.raw)[2:-1] not in repr(table)
