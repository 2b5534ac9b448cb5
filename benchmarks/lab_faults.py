"""Faults that people make by hand in emitted files, thirty-six kinds: text to damaged text.

A fault is None where it is not possible in a file.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable

from meshc.keys import PresharedKey, PrivateKey

Fault = Callable[[str, random.Random], "str | None"]


def lose_a_peer(text: str, rng: random.Random) -> str | None:
    parts = text.split("\n[Peer]\n")
    if len(parts) < 2:
        return None
    del parts[rng.randrange(1, len(parts))]
    return "\n[Peer]\n".join(parts)


def lose_a_line(begin: str, holds: str = "") -> Fault:
    def fault(text: str, rng: random.Random) -> str | None:
        lines = text.splitlines(keepends=True)
        places = [n for n, line in enumerate(lines) if line.startswith(begin) and holds in line]
        if not places:
            return None
        del lines[rng.choice(places)]
        return "".join(lines)

    return fault


def change_a_value(key: str, make: Callable[[str, random.Random], str | None]) -> Fault:
    """Another value behind one of the lines `key = value`."""

    def fault(text: str, rng: random.Random) -> str | None:
        places = list(re.finditer(rf"^{key} = (.+)$", text, re.M))
        if not places:
            return None
        place = rng.choice(places)
        value = make(place[1], rng)
        return None if value is None else text[: place.start(1)] + value + text[place.end(1) :]

    return fault


def give_a_prefix_to_another(*, keep: bool) -> Fault:
    def fault(text: str, rng: random.Random) -> str | None:
        places = list(re.finditer(r"^AllowedIPs = (.+)$", text, re.M))
        if len(places) < 2:
            return None
        one, two = sorted(rng.sample(places, 2), key=lambda _: rng.random())
        values = {one: one[1].split(", "), two: two[1].split(", ")}
        prefix = rng.choice(values[one])
        values[two].append(prefix)
        if not keep:
            values[one].remove(prefix)
        for place in sorted(values, key=lambda place: -place.start()):
            text = text[: place.start(1)] + ", ".join(values[place]) + text[place.end(1) :]
        return text

    return fault


def swap_two(key: str) -> Fault:
    def fault(text: str, rng: random.Random) -> str | None:
        places = list(re.finditer(rf"^{key} = (.+)$", text, re.M))
        if len(places) < 2:
            return None
        one, two = sorted(rng.sample(places, 2), key=lambda place: place.start())
        middle = text[one.end(1) : two.start(1)]
        return text[: one.start(1)] + two[1] + middle + one[1] + text[two.end(1) :]

    return fault


def say(*lines: str) -> Fault:
    """One more line of the interface, after all others."""

    def fault(text: str, rng: random.Random) -> str | None:
        line = rng.choice(lines)
        for word, make in (("NUMBER", _number), ("PEER_ADDRESS", _of_a_peer), ("OWN", _own)):
            if word in line:
                value = make(text, rng)
                if value is None:
                    return None
                line = line.replace(word, value)
        head, mark, rest = text.partition("\n[Peer]\n")
        return f"{head.rstrip()}\n{line}\n{mark}{rest}"

    return fault


def route_by_a_table(*rules: str) -> Fault:
    """`Table` and the rules that somebody thinks lead there."""
    hooks = "".join(f"\nPostUp = ip rule add {rule} lookup 1234" for rule in rules)
    return say(f"Table = 1234{hooks}")


def do_not_forward(text: str, rng: random.Random) -> str | None:
    family = rng.choice(("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"))
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not (family in line and "sysctl" in line)]
    return "".join(kept) if len(kept) < len(lines) else None


def _number(_: str, rng: random.Random) -> str:
    return str(rng.randrange(2, 250))


def _own(text: str, _: random.Random) -> str | None:
    found = re.search(r"^Address = ([\d.]+)/", text, re.M)
    return found[1] if found else None


def _of_a_peer(text: str, rng: random.Random) -> str | None:
    found = re.findall(r"(?:= |, )([\d.]+)/32", text)
    return rng.choice(found) if found else None


def _fewer(value: str, rng: random.Random) -> str:
    prefixes = value.split(", ")
    prefixes.pop(rng.randrange(len(prefixes)))
    return ", ".join(prefixes)


def _wider(value: str, _: random.Random) -> str | None:
    return f"{value}, 0.0.0.0/0" if "0.0.0.0/0" not in value else None


def _narrower(value: str, rng: random.Random) -> str | None:
    """Half of a prefix."""
    wide = [p for p in value.split(", ") if ":" not in p and not p.endswith(("/32", "/0"))]
    if not wide:
        return None
    one = rng.choice(wide)
    address, _, length = one.partition("/")
    return value.replace(one, f"{address}/{int(length) + 1}")


def _next_port(value: str, _: random.Random) -> str:
    host, _, port = value.rpartition(":")
    return f"{host}:{int(port) + 1}"


def _other_address(value: str, _: random.Random) -> str:
    return re.sub(r"^([\d.]+)\.\d+/32", r"\1.253/32", value)


_DROPS = "PostUp = iptables -w -I"
FAULTS: dict[str, Fault] = {
    "a peer is missing": lose_a_peer,
    "a peer has no endpoint": lose_a_line("Endpoint = "),
    "a peer has no pre-shared key": lose_a_line("PresharedKey = "),
    "a peer has no keepalive": lose_a_line("PersistentKeepalive = "),
    "the listen port is gone": lose_a_line("ListenPort = "),
    "another listen port": change_a_value("ListenPort", lambda v, _: str(int(v) + 1)),
    "an AllowedIPs entry is missing": change_a_value("AllowedIPs", _fewer),
    "an AllowedIPs entry is at another peer": give_a_prefix_to_another(keep=False),
    "an AllowedIPs entry is at two peers": give_a_prefix_to_another(keep=True),
    "the AllowedIPs of two peers are swapped": swap_two("AllowedIPs"),
    "an AllowedIPs entry is half as wide": change_a_value("AllowedIPs", _narrower),
    "the internet goes into the tunnel": change_a_value("AllowedIPs", _wider),
    "another pre-shared key": change_a_value(
        "PresharedKey", lambda *_: PresharedKey(os.urandom(32)).reveal()
    ),
    "another public key": change_a_value(
        "PublicKey", lambda *_: str(PrivateKey.generate().public_key())
    ),
    "the keys of two peers are swapped": swap_two("PublicKey"),
    "the endpoints of two peers are swapped": swap_two("Endpoint"),
    "another port": change_a_value("Endpoint", _next_port),
    "another address": change_a_value("Address", _other_address),
    "an address is missing": change_a_value("Address", _fewer),
    "no forwarding": do_not_forward,
    "a rule is missing": lose_a_line("PostUp", "-j ACCEPT"),
    "a masquerade is missing": lose_a_line("PostUp", "-j MASQUERADE"),
    "nobody is forwarded": say(f"{_DROPS} FORWARD -i %i -j DROP"),
    "somebody is not forwarded": say(f"{_DROPS} FORWARD -s PEER_ADDRESS -j REJECT"),
    "nothing comes in": say(f"{_DROPS} INPUT -i %i -j DROP"),
    "somebody does not come in": say(f"{_DROPS} INPUT -i %i -s PEER_ADDRESS -j DROP"),
    "nothing goes out": say(f"{_DROPS} OUTPUT -o %i -j DROP"),
    "somebody is not sent to": say(f"{_DROPS} OUTPUT -o %i -d PEER_ADDRESS -j DROP"),
    "no IPv6 comes in": say("PostUp = ip6tables -w -I INPUT -i %i -j DROP"),
    "no routes": say("Table = off"),
    "a table without a rule": route_by_a_table(),
    "a table by source": route_by_a_table("from OWN"),
    "a table by target": route_by_a_table("to 10.71.0.0/24"),
    "a mark": say("FwMark = 0x4d"),
    "a route is taken away": say("PostUp = ip route del PEER_ADDRESS/32 dev %i || true"),
    "small packets": say("MTU = 1300"),
}
