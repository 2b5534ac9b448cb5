"""The surroundings of an exit: addresses that are not the internet, whoever asks for them."""

from __future__ import annotations

from meshc.prefixes import Prefix

# Nobody reaches these through an exit: its own surroundings and the machine that it runs on.
# Private and shared addresses (RFC 1918, 6598, 4193), link-local ones (RFC 3927, 4291), multicast
# and the reserved rest; and where clouds keep their metadata outside of these (Oracle, Azure).
SURROUNDINGS = {
    4: tuple(
        map(
            Prefix.parse,
            (
                *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32"),
                *("169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16"),
                "224.0.0.0/3",
            ),
        )
    ),
    6: tuple(map(Prefix.parse, ("::/64", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"))),
}
