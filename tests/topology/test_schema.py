"""The sections as pydantic reads them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from meshc.topology import schema


@pytest.mark.parametrize("section", sorted(schema.SECTIONS))
def test_what_comes_out_holds_just_the_keys_that_went_in(section: str) -> None:
    given = dict(schema.PLACEHOLDERS.get(section, {}))
    assert schema.adapter(section).validate_python(given) == given


@pytest.mark.parametrize("section", sorted(schema.SECTIONS))
def test_unknown_keys_are_refused(section: str) -> None:
    with pytest.raises(ValidationError) as caught:
        schema.adapter(section).validate_python({"nonsense": 1})
    assert "extra_forbidden" in {error["type"] for error in caught.value.errors()}


@pytest.mark.parametrize(
    ("value", "items"),
    [(["a", "b"], ["a", "b"]), ("a, b", ["a", "b"]), ("a", ["a"]), ([], [])],
)
def test_lists(value: object, items: list[str]) -> None:
    assert schema.adapter("node").validate_python({"via": value}) == {"via": items}


@pytest.mark.parametrize("value", ["", " , ", None, 5, {"a": 1}, True])
def test_not_lists(value: object) -> None:
    with pytest.raises(ValidationError):
        schema.adapter("node").validate_python({"via": value})


def test_all_mistakes_of_a_section_come_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        schema.adapter("node").validate_python(
            {"mtu": "big", "dns": ["?", "1.1.1.1", 5], "deploy": {"port": 0, "user": "-x"}}
        )
    assert [error["loc"] for error in caught.value.errors()] == [
        ("mtu",), ("dns", 0), ("dns", 2), ("deploy", "user"), ("deploy", "port"),
    ]  # fmt: skip


def test_the_keys_of_the_design_are_there() -> None:
    """The table of node keys that the language promises."""
    promised = [
        "role",
        "endpoint",
        "site",
        "lan_endpoint",
        "nat",
        "address",
        "routes",
        "masquerade",
        "exit_node",
        "exit",
        "via",
        "direct",
        "platform",
        "public_key",
        "private_key_file",
        "private_key_command",
        "managed",
        "listen_port",
        "mtu",
        "dns",
        "table",
        "fwmark",
        "keepalive",
        "pre_up",
        "post_up",
        "pre_down",
        "post_down",
        "deploy",
    ]
    assert set(promised) <= set(schema.known_keys("node"))
    assert set(schema.known_keys("network")) == {
        "name", "addresses", "domain", "interface", "listen_port", "keepalive", "mtu", "dns",
        "preshared_keys",
    }  # fmt: skip
