"""The source of a lab: the files of a build, and who cannot take part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from meshc.errors import Refused, StateError
from meshc.lab.lab_source import ELSEWHERE, FOREIGN, prepare, read_source, with_nats
from meshc.lab.world import lab_state
from meshc.secret import SecretBytes
from meshc.topology.language.spec import Nat
from tests.support.workspaces import STAR, snapshot, write_topology

OTHERS = """\
  partner:
    managed: false
    public_key: "FdYIGWW1kzJPhGUuIzcleWNV8ui6A09P6PFOriF/FF0="
    direct: [hub]
  vault:
    public_key: "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
    private_key_command: pass wg/vault
"""


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_state, "base_directory", lambda: tmp_path / "labs")


def silent(_: str) -> None:
    """Nobody watches."""


def test_the_files_are_the_very_bytes_of_the_build(tmp_path: Path) -> None:
    file = write_topology(tmp_path / "mesh")
    out = compile_file(file).out
    source = read_source(file, out)
    assert set(source.confs) == {"hub", "laptop", "phone"}
    for name, machine in source.files.items():
        built = {path: (out / name / path).read_bytes() for path in machine.files}
        assert {path: content.reveal() for path, content in machine.files.items()} == built
        assert f"{source.interface}.conf" in built
        assert machine.hosts == (out / "hosts").read_text()
    assert {family for family in source.addresses("hub")} == {4, 6}


def test_a_build_of_its_own_has_the_same_bytes_and_changes_nothing(tmp_path: Path) -> None:
    file = write_topology(tmp_path / "mesh")
    out = compile_file(file).out
    before = snapshot(file.parent)
    (ours, theirs) = prepare(file, None, silent), prepare(file, out, silent)
    assert snapshot(file.parent) == before
    assert {name: _plain(m.files) for name, m in ours.files.items()} == {
        name: _plain(m.files) for name, m in theirs.files.items()
    }


def test_who_cannot_take_part_is_named_with_the_reason(tmp_path: Path) -> None:
    text = STAR.replace("testnet", "testnet\n  preshared_keys: false") + OTHERS
    source = prepare(write_topology(tmp_path / "mesh", text), None, silent)
    assert source.absent == {
        "partner": FOREIGN,
        "vault": f"{ELSEWHERE} (private_key_command or public_key)",
    }
    assert set(source.confs) == set(source.files) == {"hub", "laptop", "phone"}


def test_a_topology_with_errors_and_a_missing_build_are_refused(tmp_path: Path) -> None:
    file = write_topology(tmp_path / "mesh")
    with pytest.raises(StateError, match="holds no build"):
        read_source(file, tmp_path / "nowhere")
    out = compile_file(file).out
    (out / "phone" / "wg0.conf").unlink()
    with pytest.raises(StateError, match=r"phone/wg0\.conf is missing"):
        read_source(file, out)
    file.write_text(STAR.replace("role: relay", "role: rely"))
    with pytest.raises(Refused):
        read_source(file, out)


def test_other_nats_are_of_a_node_or_else_of_its_site(tmp_path: Path) -> None:
    text = STAR + "  at: {site: home}\n  own: {site: home}\nsites: {home: {nat: full_cone}}\n"
    source = prepare(write_topology(tmp_path / "mesh", text), None, silent)
    other = with_nats(source, {"home": Nat.SYMMETRIC, "own": Nat.RESTRICTED})
    changed = {n: s.nat for n, s in other.spec.nodes.items() if s.nat != source.spec.nodes[n].nat}
    assert changed == {"at": Nat.SYMMETRIC, "own": Nat.RESTRICTED}
    assert replace(other, spec=source.spec) == source


def test_no_key_is_in_what_a_source_prints(tmp_path: Path) -> None:
    source = prepare(write_topology(tmp_path / "mesh"), None, silent)
    printed = repr(source)
    for machine in source.files.values():
        text = machine.files["wg0.conf"].reveal().decode()
        secrets = [
            line.split("= ")[1]
            for line in text.splitlines()
            if line.startswith(("PrivateKey", "PresharedKey"))
        ]
        assert secrets
        assert [secret for secret in secrets if secret in printed] == []


def _plain(files: Mapping[str, SecretBytes]) -> dict[str, bytes]:
    return {name: content.reveal() for name, content in files.items()}
