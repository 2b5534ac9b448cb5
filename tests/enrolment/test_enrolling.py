"""Enrolling: who asked comes in whole, or not at all; the private key is on its machine only."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from meshc.build import pipeline, topology_edits
from meshc.build.pipeline import compile_file
from meshc.enrolment import enrolling, invitation_files
from meshc.enrolment.core.invitation import SeatState
from meshc.enrolment.enrolling import grant, receive, refuse
from meshc.enrolment.joining import finish
from meshc.errors import NodeError, Refused, StateError
from meshc.keys import PrivateKey
from tests.support.cut_short import CutShort
from tests.support.enrolments import NOW, Enrolments, token
from tests.support.wire import private_key
from tests.support.workspaces import snapshot


@pytest.fixture
def net(tmp_path: Path) -> Enrolments:
    one = Enrolments(tmp_path)
    compile_file(one.file)
    return one


def test_from_the_invitation_to_the_files_of_the_node(net: Enrolments) -> None:
    pending = net.ask(net.invite(settings="via: [hub]", group="servers", lifetime=30))
    joined = finish(net.enrol(pending), net.places())
    text = net.file.read_text()
    node = yaml.safe_load(text)["nodes"]["nas"]
    assert node == {
        "via": ["hub"],
        "public_key": pending.request.public_key,
        "private_key_file": pending.request.key_file,
        "expires": yaml.safe_load("2027-02-14"),
    }
    assert yaml.safe_load(text)["groups"]["servers"] == ["hub", "nas"]
    assert "# kept" in text
    assert "# the first" in text
    assert (joined.name, joined.interface) == ("nas", "wg0")
    assert pending.request.key_file in joined.conf.read_text()
    assert str(pending.request.public_key) in (net.file.parent / "build/hub/wg0.conf").read_text()


def test_the_private_key_is_on_its_machine_only(net: Enrolments) -> None:
    """Every file of the controller, the request and the answer, in each of its forms."""
    pending = net.ask(net.invite())
    request, answer = pending.line(), net.enrol(pending)
    finish(answer, net.places())
    key = PrivateKey.parse(net.places().key("wg0").read_text())
    forms = (key.reveal().encode(), key.raw, key.raw.hex().encode())
    elsewhere = {
        **snapshot(net.file.parent),
        "request": request.encode(),
        "answer": answer.encode(),
    }
    assert len(elsewhere) > 8
    for name, content in elsewhere.items():
        assert not any(form in content for form in forms), name
    holders = [n for n, c in snapshot(net.directory).items() if any(form in c for form in forms)]
    assert holders == ["nas/keys/wg0.key"]


def test_the_same_request_again_gets_the_same_files(net: Enrolments) -> None:
    """The answer was lost on the way, and somebody rebuilt meanwhile."""
    pending = net.ask(net.invite())
    lost = net.enrol(pending)
    compile_file(net.file)
    received = net.receive(pending, now=NOW + 99_999)
    assert received.seat is not None
    assert received.seat.state is SeatState.ENROLLED
    again = net.answer(received)
    assert again != lost, "each has a salt of its own"
    finish(again, net.places())


def test_two_machines_with_one_token(net: Enrolments) -> None:
    invited = net.invite()
    first, second = net.ask(invited, "nas"), net.ask(invited, "thief")
    net.enrol(first)
    before = snapshot(net.file.parent)
    received = net.receive(second)
    assert received.seat is None
    with pytest.raises(NodeError, match="another machine has asked"):
        finish(net.answer(received), net.places("thief"))
    assert snapshot(net.file.parent) == before
    assert not net.places("thief").key("wg0").exists()
    assert finish(net.answer(net.receive(first)), net.places("nas")).name == "nas"


def test_an_invitation_for_two_lets_two_in(net: Enrolments) -> None:
    invited = net.invite("web", uses=2, group="web")
    names = [finish(net.enrol(net.ask(invited, m)), net.places(m)).name for m in ("a", "b")]
    assert names == ["web-1", "web-2"]
    assert net.receive(net.ask(invited, "c")).seat is None
    assert yaml.safe_load(net.file.read_text())["groups"]["web"] == names


def test_who_asks_too_late_is_told(net: Enrolments) -> None:
    pending = net.ask(net.invite(seconds=60))
    received = net.receive(pending, now=NOW + 61)
    assert (received.seat, received.why) == (None, "the invitation has expired")
    with pytest.raises(NodeError, match="expired"):
        finish(net.answer(received), net.places())


def test_who_asked_in_time_may_be_let_in_later(net: Enrolments) -> None:
    received = net.receive(net.ask(net.invite(seconds=60)))
    grant(net.file, received.invitation.identifier, "nas", now=NOW + 9_999)
    assert finish(net.answer(received), net.places()).name == "nas"


def test_a_request_by_a_foreign_invitation_is_none(net: Enrolments, tmp_path: Path) -> None:
    other = Enrolments(tmp_path / "other")
    compile_file(other.file)
    before = snapshot(net.file.parent)
    pending = other.ask(other.invite())
    with pytest.raises(StateError, match="no invitation of this network"):
        receive(net.file, pending.line(), now=NOW)
    with pytest.raises(StateError, match="no request"):
        receive(net.file, "meshc-request-1.AAAA", now=NOW)
    assert snapshot(net.file.parent) == before


def test_a_request_with_a_guessed_mac_takes_no_seat(net: Enrolments) -> None:
    invited = net.invite()
    pending = net.ask(invited)
    forged = replace(pending.request, public_key=private_key("mallory").public_key())
    with pytest.raises(StateError, match="no invitation of this network"):
        receive(net.file, forged.line(token(secret=bytes(16)).keys()), now=NOW)
    assert net.receive(pending).seat is not None


def test_a_refusal_is_for_good(net: Enrolments) -> None:
    pending = net.ask(net.invite())
    received = net.receive(pending)
    refuse(net.file, received.invitation.identifier, "nas", now=NOW)
    with pytest.raises(StateError, match="cannot be enrolled: it is refused"):
        grant(net.file, received.invitation.identifier, "nas", now=NOW)
    with pytest.raises(NodeError, match="said no"):
        finish(net.answer(net.receive(pending)), net.places())
    assert not net.places().key("wg0").exists()
    assert "nas" not in net.file.read_text()


def test_who_is_enrolled_is_revoked_and_not_refused(net: Enrolments) -> None:
    pending = net.ask(net.invite())
    net.enrol(pending)
    with pytest.raises(StateError, match="enrolled already") as refused:
        refuse(net.file, net.receive(pending).invitation.identifier, "nas", now=NOW)
    assert "meshc keys revoke nas" in refused.value.hint


def test_a_key_of_another_node_is_refused(net: Enrolments) -> None:
    invited = net.invite("web", uses=2)
    first = net.ask(invited, "a")
    net.enrol(first)
    places = net.places("b")
    places.keys.mkdir(parents=True)
    net.ask(invited, "b")
    places.key("wg0").write_text(net.places("a").key("wg0").read_text())
    received = net.receive(net.ask(invited, "b"))
    before = net.file.read_text()
    with pytest.raises(StateError, match="the key of web-1"):
        grant(net.file, received.invitation.identifier, "web-2", now=NOW)
    assert net.file.read_text() == before


def test_a_network_that_would_not_stand_is_not_written(net: Enrolments) -> None:
    """It has changed since the invitation: the relay that the node goes by has left."""
    received = net.receive(net.ask(net.invite(settings="via: [hub]")))
    text = net.file.read_text().replace("hub", "tower")
    net.file.write_text(text)
    with pytest.raises(Refused):
        grant(net.file, received.invitation.identifier, "nas", now=NOW)
    assert net.file.read_text() == text


def test_a_build_that_refuses_puts_the_topology_back(
    net: Enrolments, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = net.receive(net.ask(net.invite()))
    (net.file.parent / "keys/hub.key").unlink()  # what a check in memory cannot see
    before = snapshot(net.file.parent)
    with pytest.raises(Refused):
        grant(net.file, received.invitation.identifier, "nas", now=NOW)
    assert snapshot(net.file.parent) == before


def test_an_enrolment_that_is_cut_short_anywhere_can_be_run_again(
    net: Enrolments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every step; in between, the network is as it was or has the node, and builds."""
    received = net.receive(net.ask(net.invite(group="servers")))
    cut = CutShort()
    for count in range(12):
        cut.left = count
        with monkeypatch.context() as patch:
            for owner, name in (
                (topology_edits, "write_atomic"),
                (invitation_files, "write_atomic"),
                (enrolling, "compile_file"),
                (pipeline.Stages, "write"),
            ):
                patch.setattr(owner, name, cut.before(getattr(owner, name)))
            try:
                grant(net.file, received.invitation.identifier, "nas", now=NOW)
                break
            except KeyboardInterrupt:
                compile_file(net.file, dry_run=True)
    assert count >= 3
    assert net.file.read_text().count("nas:") == 1
    assert yaml.safe_load(net.file.read_text())["groups"]["servers"] == ["hub", "nas"]
    assert finish(net.answer(received), net.places()).name == "nas"


def test_a_name_that_was_taken_meanwhile_stays_who_it_is(net: Enrolments) -> None:
    received = net.receive(net.ask(net.invite()))
    topology_edits.add(net.file, "nas", "")
    with pytest.raises(StateError, match="another machine"):
        grant(net.file, received.invitation.identifier, "nas", now=NOW)


def test_git_takes_no_secret_of_an_invitation(net: Enrolments) -> None:
    net.invite()
    subprocess.run(["git", "init", "-q"], cwd=net.file.parent, check=True)
    subprocess.run(["git", "add", "."], cwd=net.file.parent, check=True)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=net.file.parent, check=True, capture_output=True, text=True
    ).stdout.split()
    assert "mesh.yaml" in listed
    assert not [name for name in listed if name.startswith("invitations/")]
