"""`meshc import`: files in, topology out; and a rebuild means the same network."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.build.pipeline import compile_file
from meshc.cli import main
from meshc.keys import PrivateKey
from meshc.wg.conf import parse
from tests.support.import_round_trip import losses
from tests.test_examples import prepared


def imported(folder: Path, *extra: str) -> tuple[Path, str]:
    """The main example, built in `old` and imported into `new`."""
    (folder / "old").mkdir()
    (folder / "new").mkdir()
    compile_file(prepared("relay", folder / "old"))
    files = [str(path) for path in sorted((folder / "old/build").glob("*/wg0.conf"))]
    target = folder / "new/mesh.yaml"
    args = ["import", *files, "-o", str(target), "--name", "example-vpn", *extra]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    return target, result.output


def test_a_rebuild_of_what_was_imported_routes_the_same(tmp_path: Path) -> None:
    target, _ = imported(tmp_path, "--keys")
    compile_file(target)
    files = sorted((tmp_path / "old/build").glob("*/wg0.conf"))
    assert len(files) == 5
    for old in files:
        new = tmp_path / "new/build" / old.parent.name / "wg0.conf"
        one, two = parse(old.read_text()), parse(new.read_text())
        assert one.private_key == two.private_key
        assert one.addresses == two.addresses
        assert [(p.public_key, p.allowed_ips, p.endpoint) for p in one.peers] == [
            (p.public_key, p.allowed_ips, p.endpoint) for p in two.peers
        ]


@pytest.mark.parametrize("seed", range(0, 90, 3))
def test_a_random_network_is_the_same_after_import_and_build(seed: int) -> None:
    """Keys, pre-shared keys, addresses, DNS, ports, endpoints, keepalives, and the path of every
    packet. `benchmarks/import_roundtrip.py` does a thousand."""
    for one in range(seed, seed + 3):
        assert losses(one) in (None, [])


@pytest.mark.parametrize("seed", [2239, 2297, 3033])
def test_what_was_lost_once_is_kept(seed: int) -> None:
    """A public node that keeps its sessions alive by its own wish; a phone that is never off; an
    exit user that calls in both families, and one that it calls by name and has one of them."""
    assert losses(seed) == []


def test_random_networks_are_not_all_refused() -> None:
    assert sum(losses(seed) is not None for seed in range(90)) > 15


def test_pre_shared_keys_are_in_the_new_files_as_they_were(tmp_path: Path) -> None:
    key, psk = PrivateKey.generate(), PrivateKey.generate().reveal()
    server = tmp_path / "server.conf"
    server.write_text(
        f"[Interface]\nPrivateKey = {key.reveal()}\nAddress = 10.66.66.1/24\n"
        "ListenPort = 51820\nPostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE\n"
        f"\n### Client phone\n[Peer]\nPublicKey = {PrivateKey.generate().public_key()}\n"
        f"PresharedKey = {psk}\nAllowedIPs = 10.66.66.2/32\n"
    )
    target = tmp_path / "new" / "mesh.yaml"
    target.parent.mkdir()
    args = ["import", str(server), "-o", str(target), "--keys"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    assert psk not in result.output + target.read_text()
    compile_file(target)
    (peer,) = parse((target.parent / "build/server/wg0.conf").read_text()).peers
    assert peer.preshared_key is not None
    assert (peer.name, peer.preshared_key.reveal()) == ("phone", psk)


def test_latin1_utf16_and_marks_are_read(tmp_path: Path) -> None:
    key = PrivateKey.generate().reveal()
    text = f"# Büro\n[Interface]\nPrivateKey = {key}\nAddress = 10.66.66.1/24\n"
    for encoding in ("latin-1", "utf-16", "utf-8-sig"):
        file = tmp_path / "office.conf"
        file.write_bytes(text.encode(encoding))
        result = CliRunner().invoke(main, ["import", str(file)])
        assert result.exit_code == 0, result.output
        assert "office:" in result.output


def test_keys_stay_out_of_the_topology_and_the_output(tmp_path: Path) -> None:
    target, output = imported(tmp_path, "--keys")
    secrets = [path.read_text().split()[-1] for path in (tmp_path / "new/keys").glob("*.key")]
    assert len(secrets) == 5
    assert not any(secret in target.read_text() + output for secret in secrets)
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "new/keys").glob("*.key")}
    assert modes == {0o600}


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    target, _ = imported(tmp_path)
    before = target.read_text()
    conf = next((tmp_path / "old/build").glob("*/wg0.conf"))
    result = CliRunner().invoke(main, ["import", str(conf), "-o", str(target)])
    assert result.exit_code == 1
    assert target.read_text() == before


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "wg0.conf"
    bad.write_text("[Interface]\nnonsense\n")
    result = CliRunner().invoke(main, ["import", str(bad)])
    assert result.exit_code == 2
    assert f"{bad}:2: not a `Key = value` line" in result.output
