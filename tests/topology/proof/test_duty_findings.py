"""A key or an address that is missing breaks the claim; it never makes it smaller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from meshc.topology.proof import Expectation, NodeFile, prove
from meshc.wg.conf import Conf
from tests.support.random_topology import compiled

TOPOLOGY = """
meshc: 1
network: {name: x, addresses: [10.1.0.0/24, "fd00::/64"]}
nodes:
  hub: {role: relay, endpoint: hub.mesh.dev}
  pc: {private_key_file: /etc/wireguard/key}
  nas: {}
"""
Spoil = Callable[[Conf], Conf]


def codes(spoil: Spoil, *names: str) -> dict[str, str]:
    """Errors by code, after the files of these nodes were changed."""
    made = compiled(TOPOLOGY)
    assert made is not None
    _, files, expected, _ = made
    changed = [
        file._replace(conf=spoil(file.conf)) if file.name in names else file for file in files
    ]
    return errors(changed, expected)


def errors(files: list[NodeFile], expected: Expectation) -> dict[str, str]:
    return {f.code: f.message for f in prove(files, expected).findings if f.code[0] == "E"}


def no_key(conf: Conf) -> Conf:
    return replace(conf, private_key=None)


def no_ipv6(conf: Conf) -> Conf:
    return replace(conf, addresses=tuple(a for a in conf.addresses if a.family == 4))


def saves(conf: Conf) -> Conf:
    return replace(conf, save_config=True)


def no_hooks(conf: Conf) -> Conf:
    return replace(conf, post_up=(), private_key=None)


ALL = ("hub", "nas", "pc")


@pytest.mark.parametrize(
    ("spoil", "names", "code"),
    [
        (no_key, ("nas",), "E451"),
        (no_key, ALL, "E451"),
        (no_hooks, ("pc",), "E451"),
        (no_ipv6, ("nas",), "E415"),
        (no_ipv6, ALL, "E415"),
        (saves, ("hub",), "E452"),
    ],
)
def test_what_is_missing_is_an_error(spoil: Spoil, names: tuple[str, ...], code: str) -> None:
    assert code in codes(spoil, *names)


def test_the_missing_address_is_named() -> None:
    assert codes(no_ipv6, *ALL)["E415"] == "pc: its file lacks the address fd00::8"


def test_files_as_they_were_built_owe_nothing() -> None:
    assert codes(lambda conf: conf) == {}


def test_a_key_that_a_hook_sets_need_not_stand_in_the_file() -> None:
    assert codes(no_key, "pc") == {}
