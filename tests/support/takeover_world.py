"""A network of six hand-written files that runs: a hub with five spokes, pre-shared keys, and rules
and forwarding switched on by hooks. Nobody has told meshc of it."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise, permutations

from meshc.keys import PrivateKey
from tests.support.deploynet import PLACES, SEGMENT, Field
from tests.support.netns import wait_until

NAMES = ("hub", "public", "public3", "public4", "home1", "home2")
_PLACES = {"hub": 1, "public": 2, "public3": 3, "public4": 4, "home1": 11, "home2": 12}
ADDRESSES = {name: f"10.77.0.{number}" for name, number in _PLACES.items()}
INTERVAL = 0.05
_HUB = """\
[Interface]
Address = 10.77.0.1/24
ListenPort = 51820
PrivateKey = {key}
PostUp = sysctl -qw net.ipv4.ip_forward=1; iptables -A FORWARD -i %i -o %i -j ACCEPT
PostDown = iptables -D FORWARD -i %i -o %i -j ACCEPT
"""
_PEER = """
# {name}
[Peer]
PublicKey = {public}
PresharedKey = {psk}
AllowedIPs = {address}/32
"""
_SPOKE = """\
[Interface]
Address = {address}/24
PrivateKey = {key}

# hub
[Peer]
PublicKey = {hub}
PresharedKey = {psk}
Endpoint = 198.51.100.1:51820
AllowedIPs = 10.77.0.0/24
PersistentKeepalive = 25
"""


def start_by_hand(net: Field, names: tuple[str, ...] = NAMES) -> None:
    """The files are written to the machines, as `NAME.conf` for the import too, and wg-quick brings
    them up."""
    keys = {name: PrivateKey.generate() for name in names}
    psks = {name: base64.b64encode(os.urandom(32)).decode() for name in names}
    hub = keys["hub"].public_key()
    files = {"hub": _HUB.format(key=keys["hub"].reveal())}
    for name in names[1:]:
        here = {"name": name, "address": ADDRESSES[name], "psk": psks[name]}
        files["hub"] += _PEER.format(public=keys[name].public_key(), **here)
        files[name] = _SPOKE.format(key=keys[name].reveal(), hub=hub, **here)
    net.file.parent.mkdir(exist_ok=True)
    for name, text in files.items():
        place = net.file.parent / f"{name}.conf"
        place.write_text(text)
        net.machines[name].shell(f"install -m 600 {place} /etc/wireguard/wg0.conf; wg-quick up wg0")
    for one, other in permutations(names, 2):
        wait_until(lambda a=one, b=other: _pings(net, a, b), what=f"{one} to {other}")


def take_over(net: Field, names: tuple[str, ...] = NAMES) -> None:
    """What a person does: import, say how each node is reached, build."""
    confs = [str(net.file.parent / f"{name}.conf") for name in names]
    net.controller.meshc("import", *confs, "-o", str(net.file), "--keys", "--name", "office")
    text = net.file.read_text()
    for name in names:
        way = f"deploy: {{host: {SEGMENT}.{PLACES[name]}, user: root}}"
        text = text.replace(f"  {name}:\n", f"  {name}:\n    {way}\n", 1)
    net.file.write_text(text)
    net.build()


def wire(net: Field, names: tuple[str, ...] = NAMES) -> dict[str, list[str]]:
    """Keys, pre-shared keys, prefixes and addresses as they run."""
    found = {}
    for name in names:
        lines = net.machines[name].shell("wg show wg0 dump").splitlines()
        words = [line.split("\t") for line in lines]
        peers = sorted(" ".join((w[0], w[1], w[3])) for w in words[1:])
        own = net.machines[name].json("ip", "-j", "addr", "show", "wg0")[0]["addr_info"]
        addresses = [one["local"] for one in own if one["family"] == "inet"]
        found[name] = [" ".join(words[0][:2]), *peers, *addresses]
    return found


@contextmanager
def watched(net: Field, names: tuple[str, ...] = NAMES) -> Iterator[Callable[[], dict[str, float]]]:
    """Every pair is pinged; the function ends that and says for how many seconds each had no answer
    at the most."""
    running = []
    for source, target in permutations(names, 2):
        place = net.home / f"{source}-{target}.ping"
        with place.open("w") as out:
            argv = ("ping", "-n", "-D", "-i", str(INTERVAL), ADDRESSES[target])
            process = net.machines[source].start(*argv, stdout=out, stderr=subprocess.STDOUT)
        running.append((f"{source} {target}", place, process))

    def silent() -> dict[str, float]:
        found = {}
        for pair, place, process in running:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            times = [float(one) for one in re.findall(r"(?m)^\[([\d.]+)\] \d+ bytes", _text(place))]
            assert len(times) > 20, (pair, _text(place)[-500:])
            found[pair] = max(b - a for a, b in pairwise(times)) - INTERVAL
        return found

    try:
        yield silent
    finally:
        for *_, process in running:
            if process.poll() is None:
                process.kill()
                process.wait()


def _text(place: object) -> str:
    with open(str(place)) as file:
        return file.read()


def _pings(net: Field, source: str, target: str) -> bool:
    argv = ("ping", "-n", "-c1", "-W1", ADDRESSES[target])
    return net.machines[source].run(*argv, check=False).returncode == 0
