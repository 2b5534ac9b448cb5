"""Lines of a RouterOS script become commands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.render.escape import routeros_word
from meshc.topology.proof.routeros_commands import RouterCommand, read_commands


def test_a_command_and_its_arguments() -> None:
    (command,) = read_commands('/ip/route/add dst-address=10.0.0.0/8 gateway="wg0" comment="a b"')
    assert command == RouterCommand(
        "/ip/route",
        "add",
        {"dst-address": "10.0.0.0/8", "gateway": "wg0", "comment": "a b"},
        {},
        1,
    )


def test_what_is_looked_for_stands_apart() -> None:
    (command,) = read_commands('/interface/wireguard/set [find name="wg0"] mtu=1420')
    assert (command.query, command.arguments) == ({"name": "wg0"}, {"mtu": "1420"})


def test_a_negated_value_keeps_its_mark() -> None:
    (command,) = read_commands('/ip/firewall/nat/add out-interface=!"wg0"')
    assert command.arguments == {"out-interface": "!wg0"}


def test_a_line_may_go_on_in_the_next() -> None:
    (command,) = read_commands("# one \\\n/ip/address/add \\\n    address=10.0.0.1/32\n")
    assert (command.arguments, command.line) == ({"address": "10.0.0.1/32"}, 2)


def test_questions_to_the_router_are_left_out() -> None:
    text = ":if ([:len [/interface/list/find name=WAN]] = 0) do={/interface/list/add name=WAN}"
    assert list(read_commands(text)) == []


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20))
def test_a_quoted_value_is_read_as_it_was_meant(text: str) -> None:
    (command,) = read_commands(f"/a/add comment={routeros_word(text)} name=x")
    assert command.arguments == {"comment": text, "name": "x"}


@given(st.text(st.sampled_from('/ab =!"\\[]find-\n'), max_size=40))
def test_any_line_is_survived(text: str) -> None:
    list(read_commands(text))


def test_words_without_a_value_are_flags() -> None:
    (command,) = read_commands('/routing/table/add name="a fib b" fib')
    assert (command.arguments, command.flags) == ({"name": "a fib b"}, {"fib"})
    (switched_off,) = read_commands("/ip/route/add gateway=wg0 disabled=yes")
    assert command.takes_effect
    assert not switched_off.takes_effect
