"""From a file to a build: stable, all or nothing, and no secret where none belongs."""

from __future__ import annotations

import base64
import logging
import multiprocessing
import re
import stat
from pathlib import Path

import pytest

from meshc.build.changes import ChangeKind, ChangeSet, RequiredAction
from meshc.build.key_management import managed_keys
from meshc.build.pipeline import BuildResult, compare_file, compile_file, plan_file
from meshc.errors import Refused, StateError
from meshc.keys import NetworkSecret, PrivateKey
from meshc.keystore.key_files import KeyFiles
from meshc.wg.conf import parse
from tests.support.workspaces import LEAF, STAR, snapshot, write_topology

EXAMPLES = [p for p in sorted(Path("examples/topologies").glob("*/mesh.yaml"))]


def test_a_build_has_files_keys_and_a_lock(tmp_path: Path) -> None:
    result = compile_file(write_topology(tmp_path))
    assert sorted(snapshot(tmp_path)) == [
        "build/.gitignore",
        "build/hosts",
        "build/hub/node.json",
        "build/hub/wg0.conf",
        "build/laptop/node.json",
        "build/laptop/wg0.conf",
        "build/manifest.json",
        "build/phone/node.json",
        "build/phone/wg0.conf",
        "keys/.gitignore",
        "keys/hub.key",
        "keys/laptop.key",
        "keys/network.secret",
        "keys/phone.key",
        "mesh.lock",
        "mesh.yaml",
    ]
    for entry in result.files:
        assert stat.S_IMODE((result.out / entry.path).stat().st_mode) == entry.mode
    assert result.verdict.holds
    assert result.new_keys == ("hub", "laptop", "phone")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_builds_twice_to_the_same_bytes(example: Path, tmp_path: Path) -> None:
    file = write_topology(tmp_path, example.read_text())
    compile_file(file)
    first = snapshot(tmp_path)
    again = compile_file(file)
    assert snapshot(tmp_path) == first
    assert again.changes == ChangeSet()


def test_the_order_of_the_file_changes_no_byte(tmp_path: Path) -> None:
    lines = STAR.splitlines(keepends=True)
    file = write_topology(tmp_path)
    compile_file(file)
    first = snapshot(tmp_path / "build")
    file.write_text("".join(lines[:5] + lines[:4:-1]))
    compile_file(file)
    assert snapshot(tmp_path / "build") == first
    (tmp_path / "mesh.lock").unlink()
    compile_file(file, new_lock=True)
    assert snapshot(tmp_path / "build") == first, "not even without the lock"


def test_a_new_leaf_behind_a_relay_touches_the_relay_and_itself(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    file.write_text(STAR + LEAF)
    changes = compile_file(file).changes
    assert [(c.node, c.kind, c.action) for c in changes.nodes] == [
        ("hub", ChangeKind.CHANGED, RequiredAction.SYNC),
        ("tablet", ChangeKind.ADDED, RequiredAction.INSTALL),
    ]
    assert changes.nodes[0].conf.peers_added == ("tablet",)
    assert changes.files == ("hosts",)
    file.write_text(STAR)
    back = compile_file(file).changes
    assert [(c.node, c.kind) for c in back.nodes] == [
        ("hub", ChangeKind.CHANGED),
        ("tablet", ChangeKind.REMOVED),
    ]
    assert not (tmp_path / "build/tablet").exists()


def test_a_refused_build_touches_nothing(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    before = snapshot(tmp_path)
    file.write_text(STAR + "tests: [{from: laptop, to: phone, expect: unreachable}]\n")
    with pytest.raises(Refused) as caught:
        compile_file(file)
    assert caught.value.diagnostics
    file.write_text(STAR)
    assert snapshot(tmp_path) == before


def test_a_failed_write_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    before = snapshot(tmp_path / "build")
    file.write_text(STAR + LEAF)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("meshc.build.directory.write_all", full)
    with pytest.raises(OSError, match="No space"):
        compile_file(file)
    assert snapshot(tmp_path / "build") == before


def test_a_dry_run_writes_nothing_at_all(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    result = compile_file(file, dry_run=True)
    assert len(result.changes.nodes) == 3
    assert not result.written
    assert list(snapshot(tmp_path)) == ["mesh.yaml"]


def test_a_lost_key_is_not_replaced_by_itself(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    (tmp_path / "keys/laptop.key").unlink()
    with pytest.raises(Refused, match="E350 laptop: its private key"):
        compile_file(file)
    assert not (tmp_path / "keys/laptop.key").exists()
    assert sorted(plan_file(file).nodes) == ["hub", "laptop", "phone"], "a picture needs no keys"
    assert not (tmp_path / "keys/laptop.key").exists()


def test_a_plan_alone_is_not_rendered_and_not_proven(tmp_path: Path) -> None:
    """Else this topology, which no build passes, could not be drawn."""
    file = write_topology(
        tmp_path, STAR + "tests: [{from: laptop, to: phone, expect: unreachable}]\n"
    )
    with pytest.raises(Refused, match="E419"):
        compile_file(file)
    before = snapshot(tmp_path)
    plan = plan_file(file)
    assert [peer.name for peer in plan.nodes["laptop"].peers] == ["hub"]
    assert snapshot(tmp_path) == before


def test_a_comparison_says_what_a_build_would_change_and_writes_nothing(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    result = compile_file(file)
    same = compare_file(file)
    assert not same.changes
    assert (same.plan, same.out) == (result.plan, result.out)
    file.write_text(STAR + LEAF)
    before = snapshot(tmp_path)
    changes = compare_file(file).changes
    assert snapshot(tmp_path) == before
    assert changes == compile_file(file, dry_run=True).changes
    assert [change.node for change in changes.nodes] == ["hub", "tablet"]


def test_another_key_than_the_recorded_one_is_refused(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    other = PrivateKey.generate().reveal()
    (tmp_path / "keys/laptop.key").write_text(other)
    with pytest.raises(Refused, match="E351") as caught:
        compile_file(file)
    assert other not in str(caught.value)
    assert (tmp_path / "keys/laptop.key").read_text() == other


def test_one_key_for_two_nodes_is_refused(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    (tmp_path / "keys").mkdir(mode=0o700)
    key = PrivateKey.generate().reveal()
    for name in ("laptop", "phone"):
        (tmp_path / f"keys/{name}.key").write_text(key)
        (tmp_path / f"keys/{name}.key").chmod(0o600)
    with pytest.raises(Refused, match="E354"):
        compile_file(file)


def test_a_key_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    (tmp_path / "keys/laptop.key").chmod(0o644)
    assert "W353" in [found.code for found in compile_file(file).findings]


def test_nodes_that_keep_their_own_key(tmp_path: Path) -> None:
    keys = {name: PrivateKey.generate() for name in ("a", "b", "c")}
    file = write_topology(
        tmp_path,
        STAR
        + f'  a: {{public_key: "{keys["a"].public_key()}"}}\n'
        + f'  b: {{public_key: "{keys["b"].public_key()}", private_key_file: "/etc/my keys/b"}}\n'
        + f'  c: {{public_key: "{keys["c"].public_key()}", private_key_command: pass wg/c}}\n',
    )
    result = compile_file(file)
    assert result.keyless == ("a", "b", "c")
    confs = {name: parse((result.out / name / "wg0.conf").read_text()) for name in keys}
    assert [conf.private_key for conf in confs.values()] == [None, None, None]
    assert confs["a"].post_up == ()
    assert confs["b"].post_up == ("wg set %i private-key '/etc/my keys/b'",)
    assert confs["c"].post_up == ("pass wg/c | wg set %i private-key /dev/stdin",)
    assert not (tmp_path / "keys/a.key").exists()


def test_a_key_kept_elsewhere_must_be_known(tmp_path: Path) -> None:
    file = write_topology(tmp_path, STAR + "  b: {private_key_file: /etc/b}\n")
    with pytest.raises(Refused, match="E352"):
        compile_file(file)


def test_the_build_of_another_file_is_not_written_over(tmp_path: Path) -> None:
    compile_file(write_topology(tmp_path))
    other = write_topology(tmp_path / "other", name="other.yaml")
    with pytest.raises(StateError, match=r"holds the build of mesh\.yaml"):
        compile_file(other, out=tmp_path / "build")
    assert not (tmp_path / "other/keys").exists()


def test_secrets_are_nowhere_but_in_secret_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = write_topology(tmp_path, STAR + LEAF)
    result = compile_file(file)
    secrets = _secrets(result)
    assert len(secrets) == 4 + 1 + 3
    public = [entry.path for entry in result.files if not entry.secret]
    texts = {path: (result.out / path).read_text() for path in (*public, "manifest.json")}
    texts["lock"] = (tmp_path / "mesh.lock").read_text()
    texts["log"] = caplog.text
    texts["repr"] = repr(result)
    for name, text in texts.items():
        assert [secret for secret in secrets if secret in text] == [], name
    private = [entry for entry in result.files if entry.secret]
    assert {entry.mode for entry in private} == {0o600}
    assert {entry.path.rpartition(".")[2] for entry in private} == {"conf"}


def _secrets(result: BuildResult) -> set[str]:
    """Every private key, pre-shared key and the network secret, as base64."""
    found = {line for p in (result.out.parent / "keys").glob("*.key") for line in _lines(p)}
    found |= {line for line in _lines(result.out.parent / "keys/network.secret") if "#" not in line}
    for entry in result.files:
        if entry.secret:
            conf = parse((result.out / entry.path).read_text())
            found |= {p.preshared_key.reveal() for p in conf.peers if p.preshared_key}
    assert all(len(base64.b64decode(text)) == 32 for text in found)
    return found


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_runs_at_the_same_time_wait_for_each_other(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_build, args=(str(file),)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    before = snapshot(tmp_path)
    assert compile_file(file).changes == ChangeSet()
    assert snapshot(tmp_path) == before


def _build(file: str) -> None:
    compile_file(file)


def test_a_build_into_the_directory_of_the_file(tmp_path: Path) -> None:
    """It is locked already; waiting for ourselves would take forever."""
    result = compile_file(write_topology(tmp_path), out=tmp_path)
    assert (tmp_path / "hub/wg0.conf").exists()
    ignored = (tmp_path / ".gitignore").read_text().splitlines()
    assert "/hub/wg0.conf*" in ignored
    assert "*" not in ignored, "other files of the user lie here"
    assert result.written


def test_private_keys_stay_out_of_git(tmp_path: Path) -> None:
    file = write_topology(tmp_path / "net")
    (tmp_path / "empty").mkdir()
    for out in ("fresh", "empty"):
        compile_file(file, out=tmp_path / out)
        assert (tmp_path / out / ".gitignore").read_text() == "*\n"


def test_a_topology_is_not_written_over_by_its_lock(tmp_path: Path) -> None:
    file = write_topology(tmp_path, name="mesh.lock")
    with pytest.raises(StateError, match="name of a lock file"):
        compile_file(file)
    assert file.read_text() == STAR


def test_two_networks_in_one_directory_do_not_share_keys(tmp_path: Path) -> None:
    compile_file(write_topology(tmp_path))
    other = write_topology(tmp_path, STAR.replace("testnet", "another"), name="other.yaml")
    with pytest.raises(StateError, match="keys of the network 'testnet', not of 'another'"):
        compile_file(other, out=tmp_path / "other")
    assert not (tmp_path / "other.lock").exists()


@pytest.mark.parametrize("change", ["remove", "exchange"])
def test_the_secret_of_the_network_is_not_replaced_by_itself(tmp_path: Path, change: str) -> None:
    """A new one changes the pre-shared key of every link."""
    file = write_topology(tmp_path)
    compile_file(file)
    secret = tmp_path / "keys/network.secret"
    secret.unlink()
    if change == "exchange":
        KeyFiles(tmp_path / "keys", "testnet").create_secret(NetworkSecret.generate())
    before = snapshot(tmp_path)
    with pytest.raises(Refused, match="E350" if change == "remove" else "E351"):
        compile_file(file)
    assert snapshot(tmp_path) == before
    with managed_keys(file) as keys:
        keys.rotate_preshared()
    changes = compile_file(file).changes
    assert [change.node for change in changes.nodes] == ["hub", "laptop", "phone"]


def test_the_secret_is_missed_with_a_lock_file_from_before_it_was_recorded(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    lock = tmp_path / "mesh.lock"
    lock.write_text(re.sub(r', "secret": "\w+"', "", lock.read_text()))
    assert compile_file(file).changes == ChangeSet()
    lock.write_text(re.sub(r', "secret": "\w+"', "", lock.read_text()))
    (tmp_path / "keys/network.secret").unlink()
    with pytest.raises(Refused, match="E350"):
        compile_file(file)


def test_a_lock_file_that_is_gone_stops_the_build(tmp_path: Path) -> None:
    """Else the epoch would be 1 again, and a revoked key could come back."""
    file = write_topology(tmp_path)
    compile_file(file)
    (tmp_path / "mesh.lock").unlink()
    before = snapshot(tmp_path)
    with pytest.raises(Refused, match="E314"):
        compile_file(file)
    with pytest.raises(Refused, match="E314"), managed_keys(file):
        pass
    assert snapshot(tmp_path) == before
    assert compile_file(file, new_lock=True).changes == ChangeSet()


def test_the_lock_file_of_another_network_is_refused(tmp_path: Path) -> None:
    other = write_topology(tmp_path / "other", STAR.replace("testnet", "othernet"))
    compile_file(other)
    file = write_topology(tmp_path)
    (tmp_path / "mesh.lock").write_bytes((tmp_path / "other/mesh.lock").read_bytes())
    with pytest.raises(Refused, match="E315"):
        compile_file(file)
    with pytest.raises(Refused, match="E315"), managed_keys(file):
        pass
    assert not (tmp_path / "keys").exists()


def test_a_refused_build_has_made_no_keys(tmp_path: Path) -> None:
    file = write_topology(
        tmp_path, STAR + "tests: [{from: laptop, to: phone, expect: unreachable}]\n"
    )
    with pytest.raises(Refused, match="E419"):
        compile_file(file)
    assert list(snapshot(tmp_path)) == ["mesh.yaml"]


def test_everybody_is_told_whom_a_killed_build_left_untold(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    listed = tmp_path / "build/manifest.json"
    before = listed.read_bytes()
    file.write_text(STAR.replace("{nat: port_restricted}", "{keepalive: 44}") + LEAF)
    told = [(c.node, c.kind) for c in compile_file(file).changes.nodes]
    listed.write_bytes(before)
    again = compile_file(file).changes
    assert [(c.node, c.kind) for c in again.nodes] == told
    assert RequiredAction.NOTHING not in [c.action for c in again.nodes]
    assert compile_file(file).changes == ChangeSet()
