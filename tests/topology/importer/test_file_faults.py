"""Faults of imported files are told at their place."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.importer.file_faults import find_faults
from meshc.topology.importer.sightings import gather
from meshc.wg.conf import parse
from tests.support.wire import private_key

HUB, A = (private_key(name).public_key() for name in ("hub", "a"))


def test_every_fault_has_its_code() -> None:
    hub = parse(
        f"[Interface]\nPrivateKey = {private_key('hub').reveal()}\nSaveConfig = true\n"
        f"[Peer]\nPublicKey = {A}\nAllowedIPs = 10.0.0.9/24\n",
        file="hub.conf",
    )
    own = parse(f"[Interface]\nPrivateKey = {private_key('a').reveal()}\n", file="a.conf")
    found = Diagnostics()
    find_faults(gather([hub, own], found), {HUB: "hub", A: "a"}, found)
    assert sorted((one.code, str(one.location)) for one in found) == [
        ("W902", "hub.conf:4:1"),
        ("W903", "hub.conf:4:1"),
        ("W906", "hub.conf:1:1"),
    ]
