"""What each kind of value reads, its JSON Schema accepts."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from meshc.topology.language.schema import value_kinds
from meshc.topology.language.schema.fields import Mistakes, ValueKind
from meshc.topology.language.schema.scalars import Mistake

KINDS = {name: kind for name, kind in vars(value_kinds).items() if isinstance(kind, ValueKind)}
SAMPLES: list[Any] = [
    "a", "all", "none", "off", "auto", "direct", "peer", "bounce", "linux", "wg-quick", "meshc",
    "reachable", "symmetric", "ipv4", "ipv4, ipv6", "/etc/key", "10.44.0.0/24", "fd44::/64",
    "[2001:db8::7]:51820", "vpn.example.com:1", "a, b", "2027-01-31", "20ms", "0.5%", "100mbit",
    "0x2a", "1", "W220", "plain",
    "age1u6dyqsrjd6dmqspddgnznl9vz70pyxum32zfjvvmxcm6dvdhqqnsttx9cp",
    "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=", "echo %i, 1", 0, 1, 25, 1420, 65535, 65536,
    -1, 2.5, True, False, None, [], ["a"], ["a", "b"], ["10.0.0.1"], ["ipv6"], [1], {}, {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(KINDS))
def test_what_is_read_the_schema_accepts(name: str) -> None:
    validator = jsonschema.Draft202012Validator(dict(KINDS[name].schema))
    accepted = 0
    for sample in SAMPLES:
        try:
            KINDS[name].read(sample)
        except (Mistake, Mistakes):
            continue
        validator.validate(sample)
        accepted += 1
    assert 0 < accepted < len(SAMPLES)


def test_commands_hold_commas() -> None:
    assert value_kinds.HOOKS.read("echo a, b") == ["echo a, b"]


def test_words_of_direct_are_not_names() -> None:
    assert value_kinds.DIRECT.read("relays") == ["=relays"]
    assert value_kinds.DIRECT.read("laptop, nas") == ["laptop", "nas"]
