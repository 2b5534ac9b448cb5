"""Who can read a network's secrets: two people, one repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from meshc.build.key_management import managed_keys
from meshc.build.key_sealing import decrypt, encrypt, key_settings
from meshc.build.pipeline import compile_file
from meshc.build.topology_edits import add
from meshc.errors import StateError
from meshc.keystore.identities import TEXT
from meshc.topology.language.spec import KeysSpec
from tests.support.age_people import Person, person
from tests.support.workspaces import STAR, snapshot, write_topology

ANNA, BEN = person(), person()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(TEXT, ANNA.identity)
    file = write_topology(tmp_path / "net", "# ours\n" + STAR)
    compile_file(file)
    return file


def built(file: Path, who: Person, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    monkeypatch.setenv(TEXT, who.identity)
    return snapshot(compile_file(file).out)


def test_encrypted_keys_build_the_same(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(file.parent / "build")
    done = encrypt(file, (ANNA.recipient, BEN.recipient))
    assert done is not None
    assert done.secrets == len(done.removed) == 4
    assert key_settings(file) == KeysSpec("age", (ANNA.recipient, BEN.recipient))
    assert file.read_text().startswith("# ours\n" + STAR), "nothing else was touched"
    assert not list((file.parent / "keys").glob("*.key"))
    assert encrypt(file, (ANNA.recipient, BEN.recipient)) is None
    for who in (ANNA, BEN):
        assert built(file, who, monkeypatch) == before
    assert decrypt(file).secrets == 4
    assert key_settings(file) == KeysSpec()
    assert built(file, person(), monkeypatch) == before


def test_who_left_can_read_nothing_new(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encrypt(file, (ANNA.recipient, BEN.recipient))
    encrypt(file, (ANNA.recipient,))
    built(file, ANNA, monkeypatch)
    with pytest.raises(StateError, match="none of your identities"):
        built(file, BEN, monkeypatch)


def test_nobody_locks_the_door_behind_themselves(file: Path) -> None:
    before = snapshot(file.parent)
    with pytest.raises(StateError, match="could not read the secrets afterwards"):
        encrypt(file, (BEN.recipient,))
    with pytest.raises(StateError, match="nobody is named"):
        encrypt(file, ())
    with pytest.raises(StateError, match="does not take the recipient"):
        encrypt(file, (ANNA.recipient, "nobody at all"), for_others=True)
    assert snapshot(file.parent) == before
    assert encrypt(file, (BEN.recipient,), for_others=True) is not None


def git(directory: Path, *words: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@demo-vpn.net"]
    subprocess.run(["git", *who, *words], cwd=directory, check=True, capture_output=True)


def test_two_clones_add_nodes_and_build_the_same(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/teams.md has it; one of the two cannot read a single key while adding."""
    home = file.parent
    encrypt(file, (ANNA.recipient, BEN.recipient))
    (home / ".gitattributes").write_text("mesh.yaml merge=union\nmesh.lock merge=union\n")
    git(home, "init", "-q", "-b", "main")
    git(home, "add", ".")
    git(home, "commit", "-qm", "a network")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(home), str(other))
    assert not list(other.rglob("*.key")), "no secret in the clear is committed"
    for directory, name, identity in ((home, "nas", ANNA.identity), (other, "printer", "")):
        monkeypatch.setenv(TEXT, identity)
        add(directory / "mesh.yaml", name, "{nat: symmetric}")
        with managed_keys(directory / "mesh.yaml") as keys:
            assert [made.node for made in keys.generate()] == [name]
        git(directory, "add", ".")
        git(directory, "commit", "-qm", f"add {name}")
    git(other, "pull", "-q", "--no-rebase", "--no-edit")
    git(home, "pull", "-q", "--no-rebase", "--no-edit", str(other), "main")
    made = [
        built(directory / "mesh.yaml", who, monkeypatch)
        for directory, who in ((home, ANNA), (other, BEN))
    ]
    assert made[0] == made[1]
    assert {"nas/wg0.conf", "printer/wg0.conf"} <= made[0].keys()
    assert (home / "mesh.lock").read_bytes() == (other / "mesh.lock").read_bytes()


def test_a_clone_without_an_identity_is_told_so(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypt(file, (ANNA.recipient,))
    shutil.copytree(file.parent, tmp_path / "copy")
    monkeypatch.setenv(TEXT, "")
    with pytest.raises(StateError, match="no identity is given") as caught:
        compile_file(tmp_path / "copy/mesh.yaml")
    assert "meshc validate" in str(caught.value.hint)
