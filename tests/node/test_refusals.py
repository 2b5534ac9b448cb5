"""What `up`, `reload` and `down` will not do, and that they say why and change nothing."""

from __future__ import annotations

import json
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import wgconf
from tests.support.netns import ROOT, Namespace, namespaces, needs_root, require
from tests.support.snapshot import changed, snapshot

pytestmark = needs_root


@pytest.fixture(scope="module")
def box() -> Iterator[Namespace]:
    require("wireguard-go", "wg-quick")
    with namespaces("box") as (one,):
        yield one


def refused(box: Namespace, *args: str) -> str:
    """What it said; it must have failed and changed nothing."""
    before = snapshot(box)
    done = box.meshc(*args, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "hint:" in done.stderr
    assert changed(before, snapshot(box)) == {}
    assert wgconf.KEY.reveal() not in done.stdout + done.stderr
    return done.stderr


def test_save_config(box: Namespace, tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface("SaveConfig = true"))
    assert "SaveConfig" in refused(box, "up", str(path))


def test_hooks_in_a_file_of_others(box: Namespace, tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface("PostUp = touch /run/evil"))
    path.chmod(0o666)
    assert "can be written by others" in refused(box, "up", str(path))
    assert "evil" not in box.shell("ls /run")


def test_an_interface_of_somebody_else(box: Namespace, tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface("Address = 10.1.1.1/32"))
    box.run("wg-quick", "up", str(path))
    try:
        assert "not made by meshc" in refused(box, "up", str(path))
        assert "not brought up by meshc" in refused(box, "down", "wg0")
        assert "not up" in refused(box, "reload", str(path))
        status = json.loads(box.meshc("status", "wg0", "--json").stdout)["interfaces"]
        assert (status[0]["up"], status[0]["addresses"]) == (True, ["10.1.1.1/32"])
    finally:
        box.run("wg-quick", "down", str(path))


def test_engines_that_do_not_work(box: Namespace, tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface())
    assert "no engine 'nonsense'" in refused(box, "up", str(path), "--engine", "nonsense")
    before = snapshot(box)
    for engine, words in (
        ("/bin/false", "did not bring up wg0"),
        ("/no/such/program", "is not a program"),
        ("kernel", "kernel"),
    ):
        done = box.meshc("up", str(path), "--engine", engine, check=False)
        assert done.returncode == 2
        assert words in done.stderr
        assert changed(before, snapshot(box)) == {}


def test_a_routing_table_without_a_number(box: Namespace, tmp_path: Path) -> None:
    text = wgconf.interface("Table = nonsense") + wgconf.peer("AllowedIPs = 10.0.0.0/8")
    path = wgconf.write(tmp_path / "c", "wg0", text)
    assert "neither a number nor a name" in refused(box, "up", str(path))


def test_a_route_that_is_taken(box: Namespace, tmp_path: Path) -> None:
    box.shell("ip route add 10.77.0.0/16 dev lo")
    text = wgconf.interface("Address = 10.1.1.1/32") + wgconf.peer("AllowedIPs = 10.77.0.0/16")
    path = wgconf.write(tmp_path / "c", "wg0", text)
    said = refused(box, "up", str(path), "--engine", "wireguard-go")
    assert "already a route to 10.77.0.0/16" in said


def test_a_broken_file(box: Namespace, tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "c", "wg0", "[Interface]\nPrivateKey = short\n")
    done = box.meshc("up", str(path), check=False)
    assert done.returncode == 2
    assert "wg0.conf:2" in done.stderr
    assert "short" not in done.stderr


def test_down_of_what_is_not_up_is_no_error(box: Namespace) -> None:
    before = snapshot(box)
    assert "nothing to do" in box.meshc("down", "wg9").stdout
    assert box.meshc("status", "wg9", check=False).returncode == 2
    assert changed(before, snapshot(box)) == {}


def _readable_by_all(box: Namespace) -> str:
    """Shell words that start meshc from this checkout as whoever may not enter its directory:
    checkout and Python may lie in root's home."""
    places = {
        "checkout": str(ROOT),
        "packages": sysconfig.get_path("purelib"),
        "python": sys.base_prefix,
    }
    for name, place in places.items():
        box.run("mkdir", "-p", f"/run/readable/{name}")
        box.run("mount", "--bind", place, f"/run/readable/{name}")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        "PYTHONPATH=/run/readable/checkout:/run/readable/packages"
        " PYTHONHOME=/run/readable/python LD_LIBRARY_PATH=/run/readable/python/lib"
        f" /run/readable/python/bin/python{version} -m meshc"
    )


def test_without_rights_nothing_happens(box: Namespace, tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface())
    text = path.read_text()
    meshc = _readable_by_all(box)
    before = snapshot(box)
    script = (
        "mkdir -p /run/nobody; cat > /run/nobody/wg0.conf; chown -R nobody /run/nobody;"
        "chmod 700 /run/nobody; exec setpriv --reuid nobody --clear-groups "
        f"env {meshc} up /run/nobody/wg0.conf"
    )
    done = box.run("bash", "-c", script, check=False, input=text)
    box.shell("rm -r /run/nobody")
    assert done.returncode == 2
    assert "needs root" in done.stderr
    assert changed(before, snapshot(box)) == {}
