"""Keys are replaced while the network runs: one node after the other, and all of it or to be gone
on with."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from meshc.build.key_management import managed_keys
from meshc.build.lock_file import read_lock
from meshc.build.pipeline import compile_file
from meshc.deploy import joint_rollout, live_rotation
from meshc.deploy.live_rotation import LiveRotation, RotationCost
from meshc.diagnostics import Diagnostics
from meshc.errors import StateError
from meshc.keystore import pending_rotation
from meshc.keystore.pending_rotation import pending_path
from meshc.keystore.rotation import KeyChanges
from meshc.keystore.store import KeyStore
from meshc.wg.conf import parse
from tests.support.cut_short import CutShort
from tests.support.remembering_nodes import RememberingNodes

TEXT = """\
meshc: 1
network: {name: testnet, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: 198.51.100.7, deploy: {host: hub}}
  leaf: {deploy: {host: leaf}}
  phone: {platform: ios}
"""


class Net:
    """A topology that is built and deployed, and the nodes."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "mesh.yaml"
        self.file.write_text(TEXT)
        self.nodes = RememberingNodes("hub", "leaf")
        self.build_and_deploy()

    def build_and_deploy(self) -> None:
        compile_file(self.file)
        for name in self.nodes.memory:
            self.nodes.memory[name].conf = self.built(name)

    def built(self, name: str) -> str:
        return (self.file.parent / "build" / name / "wg0.conf").read_text()

    def rotation(self) -> LiveRotation:
        return LiveRotation(
            self.file,
            self.nodes,  # type: ignore[arg-type]
            self.nodes.ask,
            lambda *_: None,
            window=60,
            parallel=8,
        )

    def run(self, *names: str, psk: bool = False) -> None:
        """As the command does: begun, or gone on with."""
        rotation = self.rotation()
        if not rotation.pending:
            rotation.begin(names, psk=psk)
        while rotation.pending:
            assert rotation.step().good

    def keys(self) -> dict[str, Any]:
        return {
            name: node.public_key
            for name, node in read_lock(self.file.with_suffix(".lock"), Diagnostics()).nodes.items()
        }


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Net:
    monkeypatch.setattr(joint_rollout, "_DELAY", 0.05)
    monkeypatch.setattr(joint_rollout, "LEAD", 0.0)
    return Net(tmp_path)


def all_agree(net: Net) -> None:
    """What runs is what is built, and each end has the other's key."""
    running = {name: parse(one.conf) for name, one in net.nodes.memory.items()}
    keys = net.keys()
    for name, conf in running.items():
        assert net.nodes.memory[name].conf == net.built(name)
        assert conf.private_key is not None
        assert conf.private_key.public_key() == keys[name]
    (peer,) = running["leaf"].peers
    assert peer.public_key == keys["hub"]
    (back,) = (p for p in running["hub"].peers if p.name == "leaf")
    assert (back.public_key, back.preshared_key) == (keys["leaf"], peer.preshared_key)


def test_every_node_gets_a_new_key_and_its_peers_in_the_same_moment(net: Net) -> None:
    before = net.keys()
    net.run("leaf", "hub")
    after = net.keys()
    assert before["phone"] == after["phone"]
    assert not {before["hub"], before["leaf"]} & set(after.values())
    all_agree(net)
    assert not pending_path(net.file).exists()
    # first the one, then the other, each with both ends armed before anybody switches
    commits = [name for name, one in net.nodes.requests if type(one).__name__ == "CommitConfirmed"]
    assert sorted(commits[:2]) == sorted(commits[2:]) == ["hub", "leaf"]


def test_all_preshared_keys_are_replaced_at_once(net: Net) -> None:
    before, keys = parse(net.nodes.memory["leaf"].conf).peers[0].preshared_key, net.keys()
    net.run(psk=True)
    assert parse(net.nodes.memory["leaf"].conf).peers[0].preshared_key != before
    assert net.keys() == keys
    all_agree(net)


# what a loop had still to begin when it died
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_wherever_it_is_cut_short_the_same_command_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after every file that is written, every key that is moved, every request to a
    node; the nodes then put back what nobody confirmed."""
    monkeypatch.setattr(joint_rollout, "_DELAY", 0.05)
    monkeypatch.setattr(joint_rollout, "LEAD", 0.0)
    cut = CutShort()
    for owner, name in (
        (pending_rotation, "write_atomic"),
        (live_rotation, "compile_file"),
        (KeyChanges, "_record"),
        (KeyStore, "retire"),
        (KeyStore, "create"),
    ):
        monkeypatch.setattr(owner, name, cut.before(getattr(owner, name)))
    cuts = 0
    while True:
        directory = tmp_path / str(cuts)
        directory.mkdir()
        cut.left = 1000
        net = Net(directory)
        net.nodes.asked = cut.before(lambda: None)
        before = net.keys()
        cut.left = cuts
        try:
            net.run("leaf")
        except KeyboardInterrupt:
            cut.left = 1000
            net.nodes.windows_are_over()
            net.run("leaf")
        else:
            break
        assert net.keys()["leaf"] != before["leaf"]
        assert net.keys()["hub"] == before["hub"]
        all_agree(net)
        assert not pending_path(net.file).exists()
        cuts += 1
    gc.collect()  # what died is told here, and in no other test
    assert cuts >= 15


def test_no_key_is_replaced_where_anything_is_in_the_way(net: Net) -> None:
    before, text = net.keys(), net.nodes.memory["hub"].conf
    net.nodes.answers[("hub", "dial")] = "lost"
    with pytest.raises(StateError, match=r"hub: .*cannot be reached"):
        net.run("leaf")
    net.nodes.answers.pop(("hub", "dial"))
    net.nodes.memory["hub"].conf = ""
    with pytest.raises(StateError, match="hub: starts: nothing runs there now"):
        net.run("leaf")
    net.nodes.memory["hub"].conf = text.replace("AllowedIPs", "PersistentKeepalive = 9\nAllowedIPs")
    with pytest.raises(StateError, match="hub: something else is to be deployed there"):
        net.run("leaf")
    assert net.keys() == before
    net.nodes.memory["hub"].conf = text
    net.run()
    all_agree(net)


def test_a_step_after_which_somebody_is_silent_is_not_over(net: Net) -> None:
    net.nodes.silent.add("hub")
    rotation = net.rotation()
    rotation.begin(["leaf", "hub"])
    step = rotation.step()
    assert not step.good
    assert list(rotation.pending.nodes) == ["leaf", "hub"]
    net.nodes.silent.clear()
    net.run()
    all_agree(net)


def test_whom_it_cuts_off_is_said_before(net: Net) -> None:
    rotation = net.rotation()
    rotation.begin(["hub"], psk=True)
    assert rotation.costs() == [
        RotationCost("", ("hub", "leaf"), ("phone",)),
        RotationCost("hub", ("leaf",), ("phone",)),
    ]
    rotation.forget()
    assert not net.rotation().pending


@pytest.mark.parametrize(
    ("name", "said"),
    [("nobody", "there is no node"), ("phone", "nobody logs in to phone")],
)
def test_what_cannot_be_done_so_is_said(net: Net, name: str, said: str) -> None:
    with pytest.raises(StateError, match=said):
        net.rotation().begin([name])
    assert not pending_path(net.file).exists()


def test_a_second_rotation_waits_for_the_first(net: Net) -> None:
    net.rotation().begin(["leaf"])
    with pytest.raises(StateError, match="an earlier rotation has not ended"):
        net.rotation().begin(["hub"])


def test_everybody_is_who_is_logged_in_to_and_whose_key_is_here(net: Net) -> None:
    rotation = net.rotation()
    rotation.begin([], everybody=True)
    assert list(rotation.pending.nodes) == ["hub", "leaf"]
    with managed_keys(net.file) as keys:
        assert {info.node for info in keys.show()} == {"hub", "leaf", "phone"}


def test_the_same_words_again_go_on(net: Net) -> None:
    """Also when some of the nodes are done."""
    net.rotation().begin(["leaf", "hub"])
    net.rotation().begin(["leaf", "hub"])
    rotation = net.rotation()
    assert rotation.step().good
    again = net.rotation()
    again.begin(["leaf", "hub"])
    assert list(again.pending.nodes) == ["hub"]
