"""Lines of a `uci batch` become sections, and nothing else of the script does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.topology.proof.uci_settings import UciSection, read_settings


def batch(*lines: str) -> list[UciSection]:
    return read_settings("\n".join(["#!/bin/sh", "uci batch <<'EOF'", *lines, "EOF"]))


def test_a_named_section_with_options_and_lists() -> None:
    (section,) = batch(
        "set network.wg0=interface",
        "set network.wg0.proto='wireguard'",
        "add_list network.wg0.addresses='10.0.0.1/32'",
        "add_list network.wg0.addresses='fd00::1/128'",
    )
    assert (section.config, section.name, section.kind, section.line) == (
        "network",
        "wg0",
        "interface",
        3,
    )
    assert section.get("proto") == "wireguard"
    assert section.words("addresses") == ("10.0.0.1/32", "fd00::1/128")


def test_sections_without_names_are_found_by_their_place() -> None:
    first, second = batch(
        "add network peer",
        "set network.@peer[-1].key='a'",
        "add network peer",
        "set network.@peer[-1].key='b'",
        "set network.@peer[0].more='c'",
        "set network.@peer[7].more='d'",
    )
    assert (first.get("key"), first.get("more")) == ("a", "c")
    assert (second.get("key"), second.get("more")) == ("b", "")


def test_what_is_deleted_is_gone() -> None:
    (left,) = batch(
        "set firewall.a=rule",
        "set firewall.b=rule",
        "set firewall.b.x='1'",
        "delete firewall.a",
        "delete firewall.b.x",
    )
    assert (left.name, left.options) == ("b", {})


def test_a_quote_is_a_quote() -> None:
    (section,) = batch("set a.b=c", "set a.b.d='it'\\''s $(reboot)'")
    assert section.get("d") == "it's $(reboot)"


def test_lines_outside_of_a_batch_are_the_shells() -> None:
    assert read_settings("uci set network.wg0=interface\nset a.b=c\n") == []


TOKENS = st.sampled_from(
    ["set", "add_list", "add", "delete", "a.b", "=c", ".d", "''", "'", "@x[-1]", "@x[0]", ".", " "]
)


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [
                    "set",
                    "add_list",
                    "add",
                    "delete",
                    "a.b",
                    "=c",
                    ".d",
                    "''",
                    "'",
                    "@x[-1]",
                    "@x[0]",
                    "a.",
                    ".",
                    "=",
                ]
            ),
            max_size=5,
        ).map("".join),
        max_size=6,
    )
)
def test_any_line_is_survived(lines: list[str]) -> None:
    batch(*lines)
