"""What differs between two wg-quick files, and what that asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.build.changes import (
    ChangeKind,
    ConfChange,
    RequiredAction,
    action_of,
    compare,
    node_change,
)
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Platform
from meshc.wg.conf import Conf, parse
from tests.support.keyed_plans import private_key
from tests.support.policy_networks import policy_network

A, B = (private_key(name).public_key() for name in "ab")
BASE = f"""\
[Interface]
Address = 10.0.0.1/32
MTU = 1420
[Peer]
# Name = a
PublicKey = {A}
AllowedIPs = 10.0.0.2/32, 10.0.0.3/32
Endpoint = a.example:51820
"""


def change(old: str, new: str, text: str = BASE) -> ConfChange:
    assert old in text
    return compare(parse(text), parse(text.replace(old, new)))


CASES = {
    "nothing": ("", "", ConfChange(), RequiredAction.NOTHING),
    "comments": ("[Peer]\n", "# hello\n[Peer]\n", ConfChange(), RequiredAction.NOTHING),
    "order of AllowedIPs": (
        "10.0.0.2/32, 10.0.0.3/32",
        "10.0.0.3/32, 10.0.0.2/32",
        ConfChange(),
        RequiredAction.NOTHING,
    ),
    "endpoint": ("a.example", "b.example", ConfChange(peers_changed=("a",)), RequiredAction.SYNC),
    "key": (A, B, ConfChange(peers_changed=("a",)), RequiredAction.SYNC),
    "listen port": (
        "MTU",
        "ListenPort = 1\nMTU",
        ConfChange(settings=("listen_port",)),
        RequiredAction.SYNC,
    ),
    "mtu": ("1420", "1400", ConfChange(settings=("mtu",)), RequiredAction.RESTART),
    "rule": ("MTU", "#nft x\nMTU", ConfChange(settings=("rules",)), RequiredAction.RELOAD),
    "hook": ("MTU", "PostUp = x\nMTU", ConfChange(settings=("post_up",)), RequiredAction.RESTART),
    "routes": (
        ", 10.0.0.3/32",
        "",
        ConfChange(
            peers_changed=("a",), routes=True, routes_removed=(Prefix.parse("10.0.0.3/32"),)
        ),
        RequiredAction.SYNC,
    ),
    "default route": (
        ", 10.0.0.3/32",
        ", 10.0.0.3/32, 0.0.0.0/0",
        ConfChange(peers_changed=("a",), routes=True),
        RequiredAction.RESTART,
    ),
    "another peer": (
        "[Peer]\n# Name = a",
        f"[Peer]\n# Name = b\nPublicKey = {B}\n[Peer]\n# Name = a",
        ConfChange(peers_added=("b",)),
        RequiredAction.SYNC,
    ),
    "another name": (
        "= a\n",
        "= z\n",
        ConfChange(peers_renamed=("a → z",)),
        RequiredAction.NOTHING,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_changed_and_what_it_asks_for(case: str) -> None:
    old, new, wanted, action = CASES[case]
    assert change(old, new) == wanted
    assert action_of(wanted, Platform.LINUX) is action
    phone = RequiredAction.NOTHING if action is RequiredAction.NOTHING else RequiredAction.RESCAN
    assert action_of(wanted, Platform.IOS) is phone


def test_routes_of_a_table_may_be_anybodys() -> None:
    with_table = BASE.replace("MTU", "Table = 77\nMTU")
    changed = change(", 10.0.0.3/32", "", with_table)
    assert changed == ConfChange(peers_changed=("a",), routes=True)
    assert action_of(changed, Platform.LINUX) is RequiredAction.RESTART


def test_peers_without_names_are_told_apart_by_key() -> None:
    text = BASE.replace("# Name = a\n", "")
    assert change(A, B, text) == ConfChange(peers_added=(B,), peers_removed=(A,))


def test_files_that_come_and_go() -> None:
    added = node_change("x", Platform.LINUX, [("x/wg0.conf", ChangeKind.ADDED)], None)
    assert (added.kind, added.action) == (ChangeKind.ADDED, RequiredAction.INSTALL)
    gone = node_change("x", Platform.LINUX, [("x/wg0.conf", ChangeKind.REMOVED)], None)
    assert (gone.kind, gone.action) == (ChangeKind.REMOVED, RequiredAction.RETIRE)
    renamed = [("x/wg0.conf", ChangeKind.REMOVED), ("x/wg1.conf", ChangeKind.ADDED)]
    moved = node_change("x", Platform.LINUX, renamed, None)
    assert (moved.kind, moved.action) == (ChangeKind.CHANGED, RequiredAction.INSTALL)
    facts = node_change("x", Platform.LINUX, [("x/node.json", ChangeKind.CHANGED)], None)
    assert (facts.kind, facts.action) == (ChangeKind.CHANGED, RequiredAction.NOTHING)


def test_every_setting_of_a_file_is_compared() -> None:
    """A field that is added to Conf must be thought of here."""
    ignored = {"file", "name", "peers", "save_config"}
    fields = set(Conf.__dataclass_fields__) - ignored
    from meshc.build import changes

    assert fields == {*changes._SYNCED, *changes._RESTARTED, *changes._HOOKS}


def test_a_file_without_names_has_the_same_peers_as_one_with() -> None:
    """The first plan after an import: only what really changes is shown."""
    assert change("# Name = a\n", "") == ConfChange()
    assert change("# Name = a\n", "# Name = z\n") == ConfChange(peers_renamed=("a → z",))


def test_two_peers_that_swap_names_are_two_renamed_ones() -> None:
    two = BASE + f"[Peer]\n# Name = b\nPublicKey = {B}\nAllowedIPs = 10.0.0.4/32\n"
    swapped = two.replace("= a\n", "= x\n").replace("= b\n", "= a\n").replace("= x\n", "= b\n")
    assert compare(parse(two), parse(swapped)).peers_renamed == ("a → b", "b → a")
    assert compare(parse(two), parse(swapped)).peers_added == ()


def test_more_rules_are_no_other_hook() -> None:
    """A leaf that comes under policies gets its relay another list of senders, and no restart."""
    text = (
        "meshc: 1\nnetwork: {name: n, addresses: 10.44.0.0/24}\nnodes:\n"
        "  hub: {role: relay, endpoint: 198.51.100.1}\n  a: {}\n  b: {}\n  c: {}\npolicies:\n"
        "  - {from: a, to: b, allow: tcp/22}\n"
    )
    old, new = (
        parse(policy_network(one).files()["hub"])
        for one in (text, text + "  - {from: c, to: b, allow: [tcp/22, udp/53]}\n")
    )
    # keys are made up anew each time
    old, new = (replace(conf, private_key=None, peers=()) for conf in (old, new))
    changed = compare(old, new)
    assert changed == ConfChange(settings=("rules",))
    assert action_of(changed, Platform.LINUX) is RequiredAction.RELOAD
    hook = replace(new, pre_up=(*new.pre_up, "logger up"))
    assert action_of(compare(old, hook), Platform.LINUX) is RequiredAction.RESTART
