"""Random networks with random faults, in the lab and in the proof: the short form of
`benchmarks/lab_agreement.py`, which does hundreds."""

from __future__ import annotations

import importlib
import os
import random
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from meshc.wg.conf import parse

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def agreement(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("lab_agreement")


@pytest.mark.usefixtures("agreement")
def test_there_are_thirty_kinds_of_faults_and_each_leaves_a_readable_file() -> None:
    """Each on a file in which it is possible."""
    faults = importlib.import_module("lab_faults").FAULTS
    assert len(faults) >= 30
    interface = (
        "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n"
        "Address = 10.71.0.1/32, fd71::1/128\nListenPort = 51820\nMTU = 1420\n"
        "PostUp = sysctl -w net.ipv4.ip_forward=1; sysctl -w net.ipv6.conf.all.forwarding=1\n"
        "PostUp = iptables -w -A FORWARD -i %i -o %i -j ACCEPT\n"
        "PostUp = iptables -w -t nat -A POSTROUTING -s 10.71.0.0/24 -j MASQUERADE\n"
    )
    key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    other = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
    peers = "".join(
        f"\n[Peer]\nPublicKey = {public}\nPresharedKey = {public}\n"
        f"AllowedIPs = 10.71.0.{n}/32, 10.71.{n}.0/24\nEndpoint = {n}.example.com:51820\n"
        "PersistentKeepalive = 25\n"
        for n, public in ((2, key), (3, other))
    )
    text = interface + peers
    for name, fault in faults.items():
        damaged = fault(text, random.Random(1))
        assert damaged not in (None, text), name
        assert parse(damaged, file=name) != parse(text), name


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@pytest.mark.skipif(shutil.which("wg-quick") is None, reason="wg-quick is not installed")
@pytest.mark.slow(seconds=30)
@pytest.mark.parametrize(("seed", "faults"), [(7, 0), (10031, 3)])
def test_lab_and_proof_agree(agreement: ModuleType, seed: int, faults: int) -> None:
    found = agreement.compare_one(seed, "bundled", faults)
    assert found is not None
    assert found.wrong == ()
    assert len(found.cells) + found.left_out > 10
    assert bool(found.damaged.told) is bool(faults)
