"""Rotate, revoke and import: the key store and the lock file stay in step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from meshc.build.changes import RequiredAction
from meshc.build.key_management import managed_keys
from meshc.build.pipeline import compile_file
from meshc.errors import Refused, StateError
from meshc.keys import PrivateKey
from meshc.keystore.rotation import KeyChanges
from meshc.wg.conf import parse
from tests.support.workspaces import STAR, snapshot, write_topology

T = TypeVar("T")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = write_topology(tmp_path)
    compile_file(path)
    return path


def changed(file: Path, how: Callable[[KeyChanges], T]) -> T:
    with managed_keys(file) as keys:
        return how(keys)


def mentions(directory: Path, text: str) -> list[str]:
    return [name for name, content in snapshot(directory).items() if text.encode() in content]


def test_list_tells_where_every_key_is(file: Path) -> None:
    infos = changed(file, lambda keys: keys.show())
    assert [(info.node, info.where, info.problem) for info in infos] == [
        ("hub", "keys/hub.key", ""),
        ("laptop", "keys/laptop.key", ""),
        ("phone", "keys/phone.key", ""),
    ]
    assert all(info.public_key and info.created for info in infos)


def test_list_before_the_first_build_makes_nothing(tmp_path: Path) -> None:
    path = write_topology(tmp_path)
    infos = changed(path, lambda keys: keys.show())
    assert {info.where for info in infos} == {"made by the next build"}
    assert list(snapshot(tmp_path)) == ["mesh.yaml"]


def test_a_rotated_key_reaches_every_peer_and_the_old_one_none(file: Path) -> None:
    (rotation,) = changed(file, lambda keys: keys.rotate(["laptop"]))
    assert rotation.before is not None
    assert rotation.aside is not None
    assert PrivateKey.parse(rotation.aside.read_text()).public_key() == rotation.before
    changes = compile_file(file).changes
    assert [(c.node, c.action) for c in changes.nodes] == [
        ("hub", RequiredAction.SYNC),
        ("laptop", RequiredAction.SYNC),
    ]
    assert mentions(file.parent / "build", rotation.before) == []
    assert "hub/wg0.conf" in mentions(file.parent / "build", rotation.after)


def test_rotating_preshared_keys_changes_nothing_else(file: Path) -> None:
    build = file.parent / "build"
    before = {name: parse((build / name / "wg0.conf").read_text()) for name in ("hub", "laptop")}
    assert changed(file, lambda keys: keys.rotate_preshared()) == 2
    compile_file(file)
    for name, old in before.items():
        new = parse((build / name / "wg0.conf").read_text())
        assert new.private_key == old.private_key
        for mine, theirs in zip(new.peers, old.peers, strict=True):
            assert mine.preshared_key != theirs.preshared_key
            assert mine._replace(preshared_key=None) == theirs._replace(preshared_key=None)


def test_no_file_mentions_a_revoked_key(file: Path) -> None:
    changed(file, lambda keys: keys.rotate(["phone"]))
    compile_file(file)
    old = (file.parent / "keys/phone.key").read_text().strip()
    done = changed(file, lambda keys: keys.revoke("phone"))
    assert done.again
    assert len(done.deleted) == 2, "the retired key goes too"
    compile_file(file)
    (key,) = done.keys
    assert mentions(file.parent / "build", key) == []
    assert mentions(file.parent, old) == []
    assert mentions(file.parent, key) == ["mesh.lock"], "so that it never comes back"


def test_a_revoked_key_is_not_taken_back(file: Path) -> None:
    private = PrivateKey.parse((file.parent / "keys/phone.key").read_text())
    changed(file, lambda keys: keys.revoke("phone"))
    with pytest.raises(StateError, match="was revoked"):
        changed(file, lambda keys: keys.import_private("phone", private))
    public = private.public_key()
    file.write_text(STAR.replace("platform: ios", f'platform: ios, public_key: "{public}"'))
    with pytest.raises(Refused, match="E355"):
        compile_file(file)


def test_revoking_a_node_that_left_the_file(file: Path) -> None:
    key = (file.parent / "keys/phone.key").read_text().strip()
    file.write_text("".join(STAR.splitlines(keepends=True)[:-1]))
    compile_file(file)
    changed(file, lambda keys: keys.revoke("phone"))
    assert mentions(file.parent, key) == []


def test_an_imported_key_is_used_and_none_is_overwritten(file: Path) -> None:
    key = PrivateKey.generate()
    with pytest.raises(StateError, match="has a key already"):
        changed(file, lambda keys: keys.import_private("laptop", key))
    changed(file, lambda keys: keys.import_private("laptop", key, replace_old=True))
    compile_file(file)
    conf = parse((file.parent / "build/laptop/wg0.conf").read_text())
    assert conf.private_key == key
    assert len(list((file.parent / "keys/retired").iterdir())) == 1
    changed(file, lambda keys: keys.import_private("laptop", key))


def test_a_key_put_there_by_hand_is_accepted_by_importing_it(file: Path) -> None:
    key = PrivateKey.generate()
    (file.parent / "keys/laptop.key").write_text(key.reveal())
    with pytest.raises(Refused, match="E351"):
        compile_file(file)
    changed(file, lambda keys: keys.import_private("laptop", key))
    assert compile_file(file).plan.nodes["laptop"].public_key == key.public_key()


def test_a_public_key_for_a_node_that_keeps_its_own(tmp_path: Path) -> None:
    file = write_topology(tmp_path, STAR + "  nas: {private_key_file: /etc/nas.key}\n")
    key = PrivateKey.generate().public_key()
    changed(file, lambda keys: keys.import_public("nas", key))
    assert compile_file(file).plan.nodes["nas"].public_key == key
    with pytest.raises(StateError, match="public key of laptop"):
        changed(file, lambda keys: keys.import_public("laptop", key))
    with pytest.raises(StateError, match="kept elsewhere"):
        changed(file, lambda keys: keys.rotate(["laptop", "nas"]))
    assert not (tmp_path / "keys/retired").exists(), "all nodes are checked before any changes"


def test_unknown_nodes_are_named(file: Path) -> None:
    with pytest.raises(StateError, match="no node 'nobody'"):
        changed(file, lambda keys: keys.rotate(["nobody"]))
    with pytest.raises(StateError, match="no key of nobody"):
        changed(file, lambda keys: keys.revoke("nobody"))
