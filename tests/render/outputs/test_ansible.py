"""The inventory and the role of Ansible. They are played by `benchmarks/ansible_role.py`; here the
program that runs on a node is run with `wg-quick`, `ip` and `cmp` that only say so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from meshc.build.pipeline import compile_file
from meshc.render.templates import source

Node = Callable[..., subprocess.CompletedProcess[str]]
TOPOLOGY = """\
meshc: 1
network: {name: t, addresses: [10.44.0.0/24], interface: mesh-0}
nodes:
  hub: {endpoint: 9.9.9.9, outputs: ansible}
  leaf: {outputs: ansible, deploy: {host: "fd00::7", user: admin, port: 2222, become: true}}
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ansible")
    (place / "mesh.yaml").write_text(TOPOLOGY)
    compile_file(place / "mesh.yaml")
    return place / "build"


def test_the_inventory_says_who_is_reached_how_and_gets_which_file(build: Path) -> None:
    found = yaml.safe_load((build / "leaf/ansible/inventory.yaml").read_text())
    host = found["wireguard"]["hosts"]["leaf"]
    assert host == {
        "ansible_host": "fd00::7",
        "ansible_user": "admin",
        "ansible_port": 2222,
        "ansible_become": True,
        "wireguard_interface": "mesh-0",
        "wireguard_file": "{{ inventory_dir }}/../mesh-0.conf",
        "wireguard_window": 60,
    }
    hub = yaml.safe_load((build / "hub/ansible/inventory.yaml").read_text())
    assert not any(key.startswith("ansible") for key in hub["wireguard"]["hosts"]["hub"])


def test_role_and_playbook_are_the_same_for_all_and_hold_no_secret(build: Path) -> None:
    files = {
        str(path.relative_to(build / "hub")): path.read_bytes()
        for path in (build / "hub/ansible").rglob("*")
        if path.is_file() and path.name != "inventory.yaml"
    }
    assert len(files) == 4
    assert all((build / "leaf" / name).read_bytes() == text for name, text in files.items())
    assert {path.stat().st_mode & 0o777 for path in (build / "hub/ansible").rglob("*.*")} == {0o644}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """`switch.sh` on a machine that is a directory: an interface is a file, a wg-quick file with
    `Broken` in it does not come up, and of watchers only those without a delay are started."""
    for name in ("etc/wireguard/meshc-ansible", "run", "bin", "links"):
        (tmp_path / name).mkdir(parents=True)
    text = source("ansible/switch.sh")
    for place in ("/etc/wireguard", "/run/meshc-ansible"):
        assert place in text
        text = text.replace(place, f"{tmp_path}{place}")
    text = text.replace("/run/systemd/system", f"{tmp_path}/no-systemd")
    assert text.count("\nPATH=") == 1
    text = text.replace("\nPATH=", f"\nPATH={tmp_path}/bin:")
    script = tmp_path / "etc/wireguard/meshc-ansible/switch.sh"
    script.write_text(text)
    links = tmp_path / "links"
    programs = {
        "ip": f'case "$1 $2" in "link show") test -e {links}/$4;; *) rm {links}/$4;; esac',
        "setsid": '[ "$5" != 0 ] || exec "$@"',
        "wg-quick": f"""echo "$@" >>{tmp_path}/calls
            if [ $1 = down ]; then rm {links}/wg0; exit; fi
            if grep -q Broken $2; then exit 1; fi
            cp $2 {links}/wg0""",
    }
    for name, body in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
    for path in (script, *(tmp_path / "bin").iterdir()):
        path.chmod(0o755)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(script), *words], capture_output=True, text=True, env=dict(os.environ)
        )

    return run


def _files(place: Path, old: str | None, new: str) -> tuple[Path, Path]:
    """The file that comes up at boot, and what is up."""
    file, link = place / "etc/wireguard/wg0.conf", place / "links/wg0"
    if old is not None:
        file.write_text(old)
        link.write_text(old)
    (file.parent / "meshc-ansible/wg0.conf").write_text(new)
    return file, link


def test_what_is_confirmed_stays(node: Node, tmp_path: Path) -> None:
    file, link = _files(tmp_path, "old", "new")
    assert node("state", "wg0").stdout == "differs\n"
    assert node("try", "wg0", "600").returncode == 0
    assert (file.read_text(), link.read_text()) == ("old", "new")
    assert node("outcome", "wg0").stdout == "up\n"
    token = (tmp_path / "run/meshc-ansible/wg0.armed").read_text().strip()
    assert node("confirm", "wg0").returncode == 0
    assert (file.read_text(), link.read_text()) == ("new", "new")
    assert node("state", "wg0").stdout == "same\n"
    node("expire", "wg0", token)
    assert link.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_not_confirmed_goes_back(node: Node, tmp_path: Path) -> None:
    file, link = _files(tmp_path, "old", "new")
    node("try", "wg0", "600")
    token = (tmp_path / "run/meshc-ansible/wg0.armed").read_text().strip()
    node("expire", "wg0", "of an earlier trial")
    assert link.read_text() == "new"
    node("expire", "wg0", token)
    assert (file.read_text(), link.read_text()) == ("old", "old")
    assert node("outcome", "wg0").stdout == "back\n"
    late = node("confirm", "wg0")
    assert late.returncode == 1
    assert "went back to its old file" in late.stderr
    assert file.read_text() == "old"


def test_what_does_not_come_up_is_back_at_once(node: Node, tmp_path: Path) -> None:
    file, link = _files(tmp_path, "old", "Broken")
    tried = node("try", "wg0", "600")
    assert tried.returncode == 1
    assert "the old one is back" in tried.stderr
    assert (file.read_text(), link.read_text()) == ("old", "old")
    assert node("outcome", "wg0").stdout == "back\n"
    _files(tmp_path, None, "new")
    assert node("try", "wg0", "600").returncode == 0, "another trial may begin"


def test_a_first_file_that_does_not_come_up_leaves_nothing(node: Node, tmp_path: Path) -> None:
    file, link = _files(tmp_path, None, "Broken")
    assert node("try", "wg0", "600").returncode == 1
    assert not file.exists()
    assert not link.exists()


def test_the_watcher_itself_puts_back(node: Node, tmp_path: Path) -> None:
    _, link = _files(tmp_path, "old", "new")
    node("try", "wg0", "0")
    for _ in range(3000):
        if link.exists() and link.read_text() == "old":
            return
        subprocess.run(["sleep", "0.02"], check=True)
    pytest.fail("it did not come")


def test_two_trials_at_once_are_refused(node: Node, tmp_path: Path) -> None:
    _files(tmp_path, "old", "new")
    node("try", "wg0", "600")
    assert "a trial of wg0 is under way" in node("try", "wg0", "600").stderr
