"""A node whose address a relay's route begins at, with the real kernel: does it hear errors?

w44 ─ west ─ east ─ e        east has fd44::44/126 at west, and its interface is small
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import LabSource, prepare
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.report.lab_report import Key
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import measure_all, subject_of
from meshc.lab.world.keeper import HostFiles
from meshc.wg.conf import parse

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]

TOPOLOGY = """\
meshc: 1
network: {name: anycast, addresses: ["fd44::/64"]}
nodes:
  east: {role: relay, endpoint: east.example.com, address: "fd44::1"}
  west: {role: relay, endpoint: west.example.com, address: "fd44::2"}
  e: {direct: [east], address: "fd44::9"}
  w44: {direct: [west], address: "fd44::44"}
  w45: {direct: [west], address: "fd44::45"}
  w46: {direct: [west], address: "fd44::46"}
  w47: {direct: [west], address: "fd44::47"}
"""
OWN_ENTRY = ", fd44::44/128"


def silent(_: str) -> None:
    """Nobody watches."""


def built(directory: Path) -> LabSource:
    """The network, with a small MTU on the relay that is one hop further."""
    file = directory / "mesh.yaml"
    file.write_text(TOPOLOGY)
    source = prepare(file, None, silent)
    text = source.files["east"].files["wg0.conf"].decode()
    assert OWN_ENTRY in text
    small = text.replace("MTU = 1420", "MTU = 1300")
    assert small != text
    return with_text(source, small)


def with_text(source: LabSource, text: str) -> LabSource:
    return replace(
        source,
        confs={**source.confs, "east": parse(text)},
        files={**source.files, "east": HostFiles({"wg0.conf": text.encode()})},
    )


@pytest.mark.parametrize("entry", [True, False], ids=["as built", "without its own entry"])
def test_errors_reach_a_node_that_has_an_entry_of_its_own(tmp_path: Path, entry: bool) -> None:
    source = built(tmp_path)
    if not entry:
        text = source.files["east"].files["wg0.conf"].decode()
        source = with_text(source, text.replace(OWN_ENTRY, ""))
    session = open_session(source)
    predictor = Predictor.of(source)
    with session.lab:
        # Not from west: it would learn the MTU for itself, and then answer in the place of east.
        pairs = predictor.pairs()
        wanted = {key: pairs[key] for key in (Key("w44", "e", 6), Key("w45", "e", 6))}
        mute = predictor.mute(wanted)
        cells = measure_all(session, subject_of(session), wanted, silent, mute=mute)
        ask = Ping((PingTarget("fd44::9", size=1400),), seconds=1.5)
        heard = {name: session.lab.call(name, ask)[0].kind for name in ("w44", "w45")}
    paths = {cell.key.source: cell.measured.path for cell in cells}
    assert mute == (frozenset() if entry else {Key("east", "w44", 6)})
    assert paths["w45"] == ("w45", "west", "east", "e")
    assert paths["w44"] == ("w44", "west", "east" if entry else "?", "e")
    assert heard["w45"] == "too_big"
    assert heard["w44"] == ("too_big" if entry else "none")
