"""From a plan to files: read back equal, and what changed is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from meshc.build.changes import ChangeKind, ChangeSet, ConfChange, RequiredAction
from meshc.build.directory import BuildDirectory
from meshc.build.emission import Emission
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.wg.conf import Conf, parse
from tests.support.keyed_plans import full_mesh, mesh_plan, secrets_of, small_plan


def read(emission: Emission) -> dict[str, Conf]:
    return {emitted.name: parse(emitted.text()) for emitted in emission.files()}


def emit(plan: MeshPlan, path: Path) -> tuple[dict[str, Conf], ChangeSet]:
    target = BuildDirectory(path, topology="mesh.yaml", network="testnet")
    with target.staging():
        emission = Emission(plan, secrets_of(plan), target)
        confs = read(emission)
        target.commit()
    return confs, emission.changes()


def test_what_is_written_is_what_was_planned(tmp_path: Path) -> None:
    plan = full_mesh(4)
    confs, _ = emit(plan, tmp_path)
    assert confs.keys() == plan.nodes.keys()
    for name, node in plan.nodes.items():
        conf = confs[name]
        assert conf.addresses == node.addresses
        assert [p.public_key for p in conf.peers] == [p.public_key for p in node.peers]
        assert [p.allowed_ips for p in conf.peers] == [p.allowed_ips for p in node.peers]
        assert (tmp_path / name / "wg0.conf").exists()


def test_both_ends_of_a_link_have_one_preshared_key(tmp_path: Path) -> None:
    confs, _ = emit(full_mesh(4), tmp_path)
    keys = {(name, peer.name): peer.preshared_key for name, c in confs.items() for peer in c.peers}
    assert all(keys[a, b] == keys[b, a] is not None for a, b in keys)
    assert len(set(keys.values())) == 6


def test_the_second_build_changes_nothing(tmp_path: Path) -> None:
    _, first = emit(full_mesh(3), tmp_path)
    _, second = emit(full_mesh(3), tmp_path)
    assert {change.kind for change in first.nodes} == {ChangeKind.ADDED}
    assert second == ChangeSet()
    assert not second


def test_changes_say_who_must_be_touched_and_how(tmp_path: Path) -> None:
    emit(small_plan(), tmp_path)
    plan = small_plan()
    hub = plan.nodes["hub"]
    moved = [peer._replace(endpoint=peer.endpoint._replace(port=4500)) if peer.endpoint else peer
             for peer in plan.nodes["laptop"].peers]  # fmt: skip
    nodes = dict(plan.nodes)
    nodes["laptop"] = replace(nodes["laptop"], peers=tuple(moved))
    nodes["phone"] = replace(nodes["phone"], peers=tuple(moved))
    nodes["hub"] = replace(hub, mtu=1400)
    _, changes = emit(mesh_plan(*nodes.values()), tmp_path)
    assert {change.node: change.action for change in changes.nodes} == {
        "hub": RequiredAction.RESTART,
        "laptop": RequiredAction.SYNC,
        "phone": RequiredAction.RESCAN,
    }
    by_name = {change.node: change.conf for change in changes.nodes}
    assert by_name["hub"] == ConfChange(settings=("mtu",))
    assert by_name["laptop"] == ConfChange(peers_changed=("hub",))


def test_a_removed_node_leaves_with_its_files(tmp_path: Path) -> None:
    emit(small_plan(), tmp_path)
    plan = small_plan()
    hub = plan.nodes["hub"]
    smaller = mesh_plan(replace(hub, peers=hub.peers[:1]), plan.nodes["laptop"])
    _, changes = emit(smaller, tmp_path)
    assert not (tmp_path / "phone").exists()
    assert {change.node: (change.kind, change.action) for change in changes.nodes} == {
        "hub": (ChangeKind.CHANGED, RequiredAction.SYNC),
        "phone": (ChangeKind.REMOVED, RequiredAction.RETIRE),
    }
    assert changes.files == ("hosts",)
    gone = tuple(sorted(hub.peers[1].allowed_ips))
    assert changes.nodes[0].conf == ConfChange(
        peers_removed=("phone",), routes=True, routes_removed=gone
    )


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    plan = small_plan()
    target = BuildDirectory(tmp_path / "build", topology="mesh.yaml", network="testnet")
    emission = Emission(plan, secrets_of(plan), target, write=False)
    assert len(read(emission)) == 3
    assert {change.kind for change in emission.changes().nodes} == {ChangeKind.ADDED}
    assert not (tmp_path / "build").exists()
