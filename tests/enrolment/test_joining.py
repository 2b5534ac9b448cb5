"""Joining: the key is made on the new machine, once, and nothing of another network is touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshc.enrolment import joining
from meshc.enrolment.joining import ask, finish
from meshc.errors import NodeError
from meshc.keys import PrivateKey
from tests.support.cut_short import CutShort
from tests.support.enrolments import NOW, Enrolments


@pytest.fixture
def net(tmp_path: Path) -> Enrolments:
    return Enrolments(tmp_path)


def test_asking_again_is_the_same_request(net: Enrolments) -> None:
    invited = net.invite()
    assert net.ask(invited).line() == net.ask(invited).line()


def test_the_key_is_for_root_alone(net: Enrolments) -> None:
    pending = net.ask(net.invite())
    key = Path(pending.request.key_file)
    assert PrivateKey.parse(key.read_text()).public_key() == pending.request.public_key
    for path in (key, net.places().pending("wg0")):
        assert path.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700
    assert key.read_text().strip() not in pending.line()
    assert pending.token.secret.reveal().hex() not in pending.line()


def test_what_belongs_to_another_network_is_left_alone(net: Enrolments) -> None:
    invited, places = net.invite(), net.places()
    for path in (places.key("wg0"), places.conf("wg0")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
        with pytest.raises(NodeError, match="belongs to another network"):
            net.ask(invited)
        assert path.read_text() == "mine"
        path.unlink()
    net.ask(invited)


def test_a_machine_that_waits_for_one_answer_asks_nobody_else(net: Enrolments) -> None:
    net.ask(net.invite("nas"))
    with pytest.raises(NodeError, match="another invitation") as refused:
        net.ask(net.invite("tv"), machine="nas")
    assert "rm " in refused.value.hint


def test_a_token_that_is_over_makes_no_key(net: Enrolments) -> None:
    invited, places = net.invite(seconds=60), net.places()
    with pytest.raises(NodeError, match="expired"):
        ask(invited.token.reveal(), places, host="nas", now=NOW + 61)
    with pytest.raises(NodeError, match="no invitation"):
        ask(invited.token.reveal()[:-9], places, host="nas", now=NOW)
    assert not places.keys.exists()


def test_an_answer_to_another_machine_changes_nothing(net: Enrolments) -> None:
    one = net.ask(net.invite("nas"))
    net.ask(net.invite("tv"), machine="tv")
    answer = net.enrol(one)
    with pytest.raises(NodeError, match="no answer to this machine"):
        finish(answer, net.places("tv"))
    assert not net.places("tv").confs.exists()
    assert finish(answer, net.places("nas")).name == "nas"


def test_a_join_that_is_cut_short_anywhere_can_be_run_again(
    net: Enrolments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every change of a file that it makes; one key is made in all."""
    invited = net.invite()
    cut = CutShort()

    def until_done(step: Callable[[], Any]) -> tuple[Any, int]:
        for count in range(20):
            cut.left = count
            with monkeypatch.context() as patch:
                patch.setattr(joining, "write_atomic", cut.before(joining.write_atomic))
                patch.setattr(os, "link", cut.before(os.link))
                patch.setattr(Path, "unlink", cut.before(Path.unlink))
                try:
                    return step(), count
                except KeyboardInterrupt:
                    continue
        raise AssertionError("it never ends")

    pending, steps = until_done(lambda: net.ask(invited))
    assert steps >= 2
    assert sorted(os.listdir(net.places().keys)) == ["wg0.join", "wg0.key"]
    answer = net.enrol(pending)
    joined, steps = until_done(lambda: finish(answer, net.places()))
    assert steps >= 2
    assert joined.conf.read_text() == (net.file.parent / "build/nas/wg0.conf").read_text()
    assert os.listdir(net.places().keys) == ["wg0.key"]
    assert (
        PrivateKey.parse(net.places().key("wg0").read_text()).public_key()
        == pending.request.public_key
    )


def test_an_answer_is_taken_once(net: Enrolments) -> None:
    answer = net.enrol(net.ask(net.invite()))
    finish(answer, net.places())
    with pytest.raises(NodeError, match="asked nobody"):
        finish(answer, net.places())


def test_facts_of_another_interface_stay(net: Enrolments) -> None:
    answer = net.enrol(net.ask(net.invite()))
    facts = net.places().confs / "node.json"
    facts.parent.mkdir(parents=True)
    facts.write_text('{"interface": "wg7"}')
    finish(answer, net.places())
    assert facts.read_text() == '{"interface": "wg7"}'


def test_damage_is_named_and_not_written_over(net: Enrolments) -> None:
    invited = net.invite()
    net.ask(invited)
    key = net.places().key("wg0")
    key.write_text("no key\n")
    with pytest.raises(NodeError, match="holds no private key"):
        net.ask(invited)
    net.places().pending("wg0").write_text("{}")
    with pytest.raises(NodeError, match="is damaged"):
        net.ask(invited)
    assert key.read_text() == "no key\n"
