"""`meshc qr`: a code that holds the file, or why there is none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.build.pipeline import compile_file
from meshc.cli.qr import qr
from tests.support.workspaces import STAR, write_topology


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    file = write_topology(tmp_path)
    compile_file(file)
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(qr, [str(one) for one in arguments])


def test_a_picture_is_for_its_owner_only(mesh: Path, tmp_path: Path) -> None:
    picture = tmp_path / "phone.png"
    done = run(mesh, "phone", "-o", picture)
    assert done.exit_code == 0
    assert "holds the private key of phone; delete it once scanned" in done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600


def test_the_terminal_shows_blocks_and_no_key(mesh: Path) -> None:
    done = run(mesh, "phone")
    assert done.exit_code == 0
    code, _, caption = done.stdout.rstrip("\n").rpartition("\n")
    assert set(code) <= set("█▀▄ \n")
    assert caption == "testnet: phone"
    assert (mesh.parent / "keys/phone.key").read_text().strip() not in done.output


def test_a_link_in_the_place_of_the_picture_is_not_followed(mesh: Path, tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", tmp_path / "phone.svg")
    done = run(mesh, "phone", "-o", tmp_path / "phone.svg")
    assert done.exit_code != 0
    assert not (tmp_path / "elsewhere").exists()


def test_other_kinds_of_pictures_are_refused(mesh: Path, tmp_path: Path) -> None:
    done = run(mesh, "phone", "-o", tmp_path / "phone.jpg")
    assert (done.exit_code, "OUTPUT ends in .png or .svg" in done.stderr) == (2, True)


def test_a_picture_says_whose_it_is(mesh: Path, tmp_path: Path) -> None:
    run(mesh, "phone", "-o", tmp_path / "phone.svg")
    assert ">testnet: phone</text>" in (tmp_path / "phone.svg").read_text()


def test_git_takes_no_picture_without_a_word(mesh: Path, tmp_path: Path) -> None:
    done = run(mesh, "phone", "-o", tmp_path / "one.svg")
    assert "git would take" not in done.stderr
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    done = run(mesh, "phone", "-o", tmp_path / "two.svg")
    assert "git would take" in done.stderr
    done = run(mesh, "phone", "-o", mesh.parent / "build/three.svg")
    assert "git would take" not in done.stderr, "build/ is ignored"


def test_a_relay_is_copied_and_not_scanned(mesh: Path) -> None:
    done = run(mesh, "hub", "--force")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "the file of hub holds hooks, which the apps that scan codes refuse" in done.stderr


def test_a_file_without_a_key_is_of_no_use_as_a_code(tmp_path: Path) -> None:
    key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
    file = write_topology(tmp_path, STAR.replace("platform: ios", f"public_key: {key}"))
    compile_file(file)
    done = run(file, "phone")
    assert done.exit_code == 2
    assert "phone keeps its own private key, so that a code would be useless" in done.stderr


def test_a_relay_without_hooks_is_copied_as_well(tmp_path: Path) -> None:
    """Nothing that makes a phone's file smaller makes sense for it."""
    leaves = "".join(f"  leaf{number}: {{}}\n" for number in range(20))
    relay = STAR.replace("role: relay,", "role: relay, platform: windows,")
    file = write_topology(tmp_path, relay + leaves)
    compile_file(file)
    done = run(file, "hub")
    assert done.exit_code == 1
    assert "hint: hub is called by its peers: copy its file there instead" in done.stderr
    assert "direct: relays" not in done.stderr


def test_a_code_that_the_terminal_would_fold_is_not_shown(
    mesh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    with pytest.raises(SystemExit) as ended:
        qr.main([str(mesh), "phone"], standalone_mode=False)
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert "columns, and this terminal 40" in said.err


def test_a_second_profile_goes_by_another_relay(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "meshc: 1\nnetwork: {name: heal, addresses: [10.44.0.0/24], agent: true}\nnodes:\n"
        "  r1: {role: relay, endpoint: 203.0.113.1}\n  r2: {role: relay, endpoint: 203.0.113.2}\n"
        "  a: {nat: symmetric}\n  phone: {via: [r1], platform: ios}\n"
    )
    compile_file(file)
    done = run(file, "phone", "--via", "r2")
    assert done.exit_code == 0
    assert done.stdout.rstrip().endswith("heal: phone via r2")
    assert done.stdout != run(file, "phone").stdout
    done = run(file, "a", "--via", "r2")
    assert done.exit_code != 0
    assert "moves by itself" in done.output
