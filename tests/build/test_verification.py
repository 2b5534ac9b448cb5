"""A build proven as it lies there: what is there counts, and what is wrong with it is said."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file, plan_file
from meshc.build.verification import open_verification
from meshc.errors import Refused, StateError
from meshc.render.diagram.picture import picture
from tests.support.workspaces import LEAF, STAR, write_topology


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A topology file with a build beside it."""
    file = write_topology(tmp_path)
    compile_file(file)
    return file


def codes(file: Path) -> list[str]:
    return [
        found.code for found in open_verification(file).prove().findings if found.code != "W418"
    ]


def test_a_fresh_build_is_proven(built: Path) -> None:
    proof = open_verification(built).prove()
    assert proof.holds
    assert proof.names == ("hub", "laptop", "phone")
    assert proof.families == (4, 6)
    assert codes(built) == []


@pytest.mark.parametrize("via", ["", "defaults: {via: [r1]}\n"])
def test_proof_picture_and_paths_agree_on_what_each_relay_carries(tmp_path: Path, via: str) -> None:
    """57 leaves of three relays: 3,192 ordered pairs, which one relay alone carried."""
    relays = "".join(f"  r{i}: {{role: relay, endpoint: r{i}.vpn.example.net}}\n" for i in range(3))
    leaves = "".join(f"  leaf{i}: {{}}\n" for i in range(57))
    text = f"meshc: 1\nnetwork: {{name: demo, addresses: 10.44.0.0/24}}\n{via}nodes:\n"
    file = write_topology(tmp_path, text + relays + leaves)
    compile_file(file)
    proof = open_verification(file).prove()
    assert proof.holds
    found = {failure.relay: failure.pairs for failure in proof.failures}
    drawn = picture(plan_file(file))  # made from the topology, not from the emitted files
    carried = Counter(
        drawn.nodes[between[0]].name
        for a, row in enumerate(drawn.paths)
        for between in row[a + 1 :]
        if between
    )
    assert found == {relay: 2 * pairs for relay, pairs in carried.items()}
    assert sum(found.values()) == 57 * 56
    if via:
        assert list(found) == ["r1"]
    else:
        assert len(found) == 3
        assert max(found.values()) < 0.6 * 57 * 56


def test_no_build(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="holds no build"):
        open_verification(write_topology(tmp_path))


def test_a_build_elsewhere(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file, out=tmp_path / "other")
    assert open_verification(file, build=tmp_path / "other").prove().holds


def test_a_missing_file_names_it(built: Path) -> None:
    (built.parent / "build/phone/wg0.conf").unlink()
    with pytest.raises(StateError, match=r"1 of 7 files .* are missing .*phone/wg0.conf"):
        open_verification(built)


def test_a_changed_file_is_proven_as_it_is(built: Path) -> None:
    path = built.parent / "build/phone/wg0.conf"
    path.write_text(path.read_text() + "# a remark\n")
    assert codes(built) == ["W423"]
    path.write_text(path.read_text().replace("PersistentKeepalive = 25", ""))
    assert sorted(codes(built)) == ["E407", "W423"]


def test_a_changed_file_beside_them_is_told(built: Path) -> None:
    hosts = built.parent / "build/hosts"
    hosts.write_text(hosts.read_text() + "# mine\n")
    assert codes(built) == ["W423"]


def test_a_file_that_wg_quick_would_refuse(built: Path) -> None:
    path = built.parent / "build/phone/wg0.conf"
    text = path.read_text()
    path.write_text(text + "Nonsense = 1\n")
    found = {f.code: f for f in open_verification(built).prove().findings}
    assert "E421" not in found
    assert found["E422"].message == "wg-quick would refuse this file: unknown key 'Nonsense'"
    assert found["E422"].location is not None
    assert found["E422"].location.line == text.count("\n") + 1


def test_a_file_that_is_not_text(built: Path) -> None:
    (built.parent / "build/phone/wg0.conf").write_bytes(b"\xff\xfe")
    assert "E422" in codes(built)


def test_an_older_build(built: Path) -> None:
    built.write_text(STAR + LEAF)
    found = [f for f in open_verification(built).prove().findings if f.code == "W424"]
    assert found[0].message == (
        "the topology names tablet, but the build is older and has no file for it"
    )
    built.write_text(STAR.replace("  phone: {nat: symmetric, platform: ios}\n", ""))
    found = [f for f in open_verification(built).prove().findings if f.code == "W424"]
    assert found[0].message == (
        "the build has a file for phone, which the topology does not name any more"
    )


def test_a_broken_topology_is_refused(built: Path) -> None:
    built.write_text(STAR + "  tablet: {role: nonsense}\n")
    with pytest.raises(Refused):
        open_verification(built)


def test_one_file_again(built: Path) -> None:
    verification = open_verification(built)
    (again,) = [file.conf for file in verification.files() if file.name == "phone"]
    assert verification.reread("phone") == again


def test_a_comment_in_another_encoding_is_read_and_utf16_is_named(built: Path) -> None:
    path = built.parent / "build/phone/wg0.conf"
    text = path.read_text()
    path.write_bytes("# Büro\n".encode("latin-1") + text.encode())
    assert codes(built) == ["W423"]
    path.write_bytes(text.encode("utf-16"))
    found = [one for one in open_verification(built).prove().findings if one.code == "E422"]
    assert ["UTF-16" in one.message for one in found] == [True]


ROUTER = """\
meshc: 1
network: {name: a, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: hub.mesh.dev, exit_node: true}
  ros: {platform: routeros, exit: hub}
  pc: {}
tests: [{from: ros, to: [hub, pc]}]
"""


@pytest.mark.parametrize(
    "part",
    ["/ip/route/add", "/ipv6/route/add", "/routing/table/add", "/ipv6/firewall/mangle/add"],
)
def test_what_a_router_runs_is_what_is_proven(tmp_path: Path, part: str) -> None:
    """Its wg-quick file says the same of the default route, but no router reads that."""
    file = write_topology(tmp_path, ROUTER)
    compile_file(file)
    script = tmp_path / "build/ros/wg0.rsc"
    assert open_verification(file).prove().holds
    lines = script.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(part)]
    assert len(kept) < len(lines)
    script.write_text("".join(kept))
    assert "E414" in codes(file)


def test_what_a_router_runs_is_also_what_is_read_one_by_one(tmp_path: Path) -> None:
    """`explain` takes the files, not the proof."""
    file = write_topology(tmp_path, ROUTER)
    compile_file(file)
    scripts = {one.name: one.script for one in open_verification(file).files()}
    assert scripts["ros"] is not None
    assert scripts["ros"].firewall.chains
    assert scripts["pc"] is None
