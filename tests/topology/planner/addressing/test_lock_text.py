"""The lock file: stable text, the same when read back, and clear words for a damaged one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.planner.addressing.lock_text import Lock, LockedNode, format_lock, parse_lock
from tests.support.specs import key

TEXT = (
    "# Written by meshc build. Commit this file; it holds no secrets.\n"
    '{"meshc_lock": 1, "network": "vpn", "epoch": 3}\n'
    '{"node": "a", "addresses": ["10.0.0.2", "fd44::2"], "port": 51821, "public_key": "'
    + key("a")
    + '"}\n'
    '{"node": "b", "addresses": ["10.0.0.3"]}\n'
    '{"removed": "z", "addresses": ["10.0.0.9"], "order": 4}\n'
    '{"revoked": "' + key("old") + '"}\n'
)

LOCK = Lock(
    "vpn",
    3,
    {
        "a": LockedNode((Prefix.host("10.0.0.2"), Prefix.host("fd44::2")), 51821, key("a")),
        "b": LockedNode((Prefix.host("10.0.0.3"),)),
    },
    {"z": LockedNode((Prefix.host("10.0.0.9"),), removed=4)},
    (key("old"),),
)


def test_text() -> None:
    assert format_lock(LOCK) == TEXT


def test_read_back() -> None:
    assert parse_lock(TEXT, "mesh.lock", Diagnostics()) == LOCK


def test_the_order_of_the_mappings_does_not_matter() -> None:
    turned = Lock("vpn", 3, dict(reversed(LOCK.nodes.items())), LOCK.removed, LOCK.revoked)
    assert format_lock(turned) == TEXT


_hosts = st.integers(1, 250).map(lambda n: Prefix.host(f"10.0.0.{n}"))


@given(st.dictionaries(st.text(min_size=1, max_size=20), _hosts, max_size=6), st.data())
def test_any_lock_survives_the_round_trip(wanted: dict[str, Prefix], data: st.DataObject) -> None:
    unique = {prefix: name for name, prefix in wanted.items()}
    entries = {name: prefix for prefix, name in unique.items()}
    port = st.none() | st.integers(1, 65535)
    nodes = {name: LockedNode((prefix,), data.draw(port)) for name, prefix in entries.items()}
    lock = Lock("vpn", data.draw(st.integers(1, 99)), dict(sorted(nodes.items())))
    found = Diagnostics()
    assert parse_lock(format_lock(lock), "mesh.lock", found) == lock
    assert not len(found)


HEAD = '{"meshc_lock": 1, "network": "vpn", "epoch": 1}\n'


def findings(text: str) -> list[str]:
    found = Diagnostics()
    lock = parse_lock(text, "mesh.lock", found)
    assert (lock is None) == found.has_errors
    return [f"{d.location} {d.code} {d.message}" for d in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            HEAD + "<<<<<<< HEAD\n" + '{"node": "a"}\n=======\n{"node": "b"}\n>>>>>>> x\n',
            "mesh.lock:2:1 E311 git left a merge conflict here",
        ),
        (
            '{"meshc_lock": 2}\n',
            "mesh.lock:1:1 E312 the lock file has version 2; this meshc knows 1",
        ),
        ("", "mesh.lock:1:1 E310 the file is empty or not a lock file of meshc"),
        ("nonsense\n", "mesh.lock:1:1 E310 the line is not a JSON object"),
        (HEAD + "[1]\n", "mesh.lock:2:1 E310 the line is not a JSON object"),
        (
            HEAD + '{"node": "a", "addresses": ["10.0.0.300"]}\n',
            "mesh.lock:2:1 E310 an address cannot be read",
        ),
        (
            HEAD + '{"node": "a", "public_key": "short"}\n',
            "mesh.lock:2:1 E310 a public key cannot be read",
        ),
        (
            HEAD + '{"node": "a", "port": 70000}\n',
            "mesh.lock:2:1 E310 port must be a whole number from 1 to 65535",
        ),
        (
            HEAD + '{"node": "a", "colour": "red"}\n',
            "mesh.lock:2:1 E310 a line holds one `node`, one `removed` or one `revoked` entry",
        ),
        (
            HEAD + '{"node": "a"}\n{"node": "a"}\n',
            'mesh.lock:3:1 E313 "a" is in the lock file twice',
        ),
        (
            HEAD
            + '{"node": "a", "addresses": ["10.0.0.2"]}\n'
            + '{"node": "b", "addresses": ["10.0.0.2"]}\n',
            'mesh.lock:3:1 E313 "b" and "a" (line 2) both hold 10.0.0.2',
        ),
        (
            HEAD + '{"node": "%s"}\n' % ("x" * 300),
            "mesh.lock:2:1 E310 the name must be a short text",
        ),
        (
            HEAD + '{"node": ' + "[" * 3000 + "]" * 900 + "}\n",
            "mesh.lock:2:1 E310 the line is not a JSON object",
        ),
        (HEAD + '{"node": "' + "x" * 5000 + '"}\n', "mesh.lock:2:1 E310 the line is too long"),
        (
            HEAD + '{"node": "a", "port": ' + "9" * 4000 + "}\n",
            "mesh.lock:2:1 E310 port must be a whole number from 1 to 65535",
        ),
        (
            HEAD + '{"node": "x\\ny", "addresses": []}\n{"node": "x\\ny"}\n',
            'mesh.lock:3:1 E313 "x\\ny" is in the lock file twice',
        ),
    ],
    ids=lambda value: value.rpartition(" E")[2][:24] if "mesh.lock" in value else "",
)
def test_finding(text: str, expected: str) -> None:
    assert expected in findings(text)


def test_every_bad_line_is_reported() -> None:
    assert len(findings(HEAD + '{"node": 1}\n{"node": "a"}\n{"port": 1}\n')) == 2


def test_a_removed_node_may_have_the_address_of_a_live_one() -> None:
    text = '{"node": "a", "addresses": ["10.0.0.2"]}\n{"removed": "b", "addresses": ["10.0.0.2"]}\n'
    assert findings(HEAD + text) == []


@given(st.text(max_size=200) | st.binary(max_size=99).map(lambda b: b.decode("latin-1")))
def test_no_text_makes_it_raise(text: str) -> None:
    findings(text)
    findings(HEAD + text)


def test_the_fingerprint_of_the_secret_is_in_the_first_line() -> None:
    lock = replace(LOCK, fingerprint="ab" * 16)
    text = format_lock(lock)
    assert f'"epoch": 3, "secret": "{"ab" * 16}"}}' in text.splitlines()[1]
    assert parse_lock(text, "mesh.lock", Diagnostics()) == lock
