"""Files that do the same but for who they are have one shape."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.proof.rule_shapes import names_any, rule_shape
from meshc.wg.conf import Conf


def shape(text: str, *own: str) -> tuple[object, ...]:
    return rule_shape(Conf(rules=tuple(text.split("\n"))), [*map(Prefix.parse, own)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-d 10.0.0.7/32 -j X", "-d 10.0.0.8/32 -j X"),
        ("{ 10.0.0.7, 10.0.0.70 }", "{ 10.0.0.8, 10.0.0.70 }"),
        ("10.0.0.7 . tcp . 22 }", "10.0.0.8 . tcp . 22 }"),
        ("a 10.0.0.7\nb", "a 10.0.0.8\nb"),
    ],
)
def test_own_addresses_are_no_difference(one: str, other: str) -> None:
    assert shape(one, "10.0.0.7") == shape(other, "10.0.0.8")
    assert shape(one, "10.0.0.7") != shape(other, "10.0.0.7")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-d 10.0.0.7/30 -j X", "-d 10.0.0.8/30 -j X"),
        ("-d 10.0.0.70 -j X", "-d 10.0.0.80 -j X"),
        ("-d 110.0.0.7 -j X", "-d 110.0.0.8 -j X"),
        ("-d 10.0.0.7/320 -j X", "-d 10.0.0.8/320 -j X"),
        ("-d 10.0.0.7-10.0.0.9", "-d 10.0.0.8-10.0.0.9"),
    ],
)
def test_what_only_begins_or_ends_like_them_is(one: str, other: str) -> None:
    assert shape(one, "10.0.0.7") != shape(other, "10.0.0.8")


def test_another_place_of_the_address_is_another_shape() -> None:
    text = "-s 10.0.0.7/32 -d 10.0.0.8/32"
    assert shape(text, "10.0.0.7") != shape(text, "10.0.0.8")


@pytest.mark.parametrize(
    "text", ["-s 10.0.0.7/32 -g X", "{ 10.0.0.7 : goto x, 10.0.0.8 : goto x }"]
)
def test_a_group_of_senders_is_that_of_each_of_its_nodes(text: str) -> None:
    one, other = f"{text}\n-d 10.0.0.7/32", f"{text}\n-d 10.0.0.8/32"
    assert shape(one, "10.0.0.7") == shape(other, "10.0.0.8")
    assert shape(text, "10.0.0.7") != shape(text.replace("0.7", "0.9"), "10.0.0.9")


def test_hooks_and_families_tell_files_apart() -> None:
    own = [Prefix.parse("10.0.0.7")]
    assert rule_shape(Conf(pre_up=("a",)), own) != rule_shape(Conf(pre_up=("b",)), own)
    assert rule_shape(Conf(), own) != rule_shape(Conf(), [])
    assert names_any(["x", "-d 10.0.0.70"], own)
    assert not names_any(["-d 10.0.0.8"], own)
