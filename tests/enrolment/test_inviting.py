"""Inviting: a name and an address are set aside, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build import topology_edits
from meshc.build.lock_file import read_lock
from meshc.build.pipeline import compile_file
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.enrolment.core.invite_token import read_token
from meshc.errors import Refused, StateError
from tests.support.enrolments import NOW, Enrolments


@pytest.fixture
def net(tmp_path: Path) -> Enrolments:
    return Enrolments(tmp_path)


def test_the_address_waits_for_the_node_through_other_builds(net: Enrolments) -> None:
    invited = net.invite()
    (address,) = invited.addresses["nas"]
    for name in ("tablet", "camera"):
        topology_edits.add(net.file, name, "")
    compile_file(net.file)
    lock = read_lock(Workspace(net.file).lock_file, Diagnostics())
    assert address not in {one for node in lock.nodes.values() for one in node.addresses}
    assert net.enrol(net.ask(invited))
    assert f"Address = {address.address}/32" in (net.file.parent / "build/nas/wg0.conf").read_text()


def test_the_topology_is_not_touched(net: Enrolments) -> None:
    before = net.file.read_text()
    net.invite(group="servers", uses=3)
    assert net.file.read_text() == before


def test_the_token_says_what_the_machine_has_to_know(net: Enrolments) -> None:
    invited = net.invite(seconds=60)
    token = read_token(invited.token.reveal())
    assert token == invited.token
    assert (invited.token.network, invited.token.interface) == ("demo", "wg0")
    assert invited.token.expires == NOW + 60
    assert invited.token.controller == invited.invitation.private_key.public_key()


def test_several_uses_are_names_and_addresses_of_their_own(net: Enrolments) -> None:
    invited = net.invite("web", uses=3)
    assert list(invited.addresses) == ["web-1", "web-2", "web-3"]
    assert len(set(invited.addresses.values())) == 3


def test_a_name_is_invited_once(net: Enrolments) -> None:
    net.invite()
    with pytest.raises(StateError, match="nas is invited already"):
        net.invite()
    with pytest.raises(StateError, match="there is a node 'phone' already"):
        net.invite("phone")


def test_what_would_be_no_network_is_refused_at_once(net: Enrolments) -> None:
    for settings in ("via: [nobody]", "role: king", "a: b: c"):
        with pytest.raises((Refused, StateError)):
            net.invite(settings=settings)
    with pytest.raises((Refused, StateError)):
        net.invite("two words")
    assert not (net.file.parent / "invitations").exists()
    assert not net.file.with_suffix(".lock").exists()


@pytest.mark.parametrize("platform", ["ios", "android", "windows", "macos", "openwrt", "routeros"])
def test_where_nothing_of_ours_makes_a_key_another_way_is_named(
    net: Enrolments, platform: str
) -> None:
    with pytest.raises(StateError, match=platform) as refused:
        net.invite(settings=f"platform: {platform}")
    assert "meshc add nas" in refused.value.hint
