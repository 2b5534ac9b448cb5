"""Side by side with the stock wg-quick(8): the same file in two equal namespaces.

    host0 ---- host1      192.0.2.1/24, 2001:db8::1/64, default routes to .254 and ::ff

Compared are addresses, MTU, routes of all tables, rules, WireGuard's own settings, what went to
resolvconf and what the hooks did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import wgconf
from tests.support.netns import Namespace, namespaces, needs_root, require, wait_until

pytestmark = needs_root

WORLD = """
ip link add host0 type veth peer name host1
ip link set host0 address 02:00:00:00:00:01; ip link set host1 address 02:00:00:00:00:02
ip addr add 192.0.2.1/24 dev host0
ip addr add 2001:db8::1/64 dev host0 nodad
ip link set host0 mtu 1400; ip link set host0 up; ip link set host1 up
ip route add default via 192.0.2.254
ip -6 route add default via 2001:db8::ff
ip route add 198.51.100.0/24 via 192.0.2.253 mtu 1350
ip rule add from 198.51.100.0/24 table 77 priority 1000
mkdir -p /run/bin
cat > /run/bin/resolvconf <<'X'
#!/bin/sh
echo "$@" >> /run/resolvconf.log
[ "$1" != -a ] || cat >> /run/resolvconf.log
X
chmod +x /run/bin/resolvconf
mount --bind /run/bin /usr/local/bin
"""

CASES = sorted((Path(__file__).parent / "wg_quick_cases").glob("*.conf"))


@pytest.fixture
def twins() -> Iterator[tuple[Namespace, Namespace]]:
    require("wg", "wg-quick", "wireguard-go")
    with namespaces("stock", "ours") as (stock, ours):
        for one in (stock, ours):
            one.shell(WORLD)
        for one in (stock, ours):
            wait_until(lambda one=one: "tentative" not in one.shell("ip -6 addr"))
        yield stock, ours


# the bundled engine answers `wg` and wg-quick as wireguard-go does: not every file need say so
BUNDLED = ("default-both", "hooks", "table-number", "mtu-of-a-route", "one-prefix-on-two-peers")
WITH_ENGINES = [
    *(pytest.param(path, "wireguard-go", id=path.stem) for path in CASES),
    *(
        pytest.param(path, "bundled", id=f"{path.stem}-bundled")
        for path in CASES
        if path.stem in BUNDLED
    ),
]


@pytest.mark.parametrize(("case", "engine"), WITH_ENGINES)
def test_same_as_wg_quick(
    twins: tuple[Namespace, Namespace], tmp_path: Path, case: Path, engine: str
) -> None:
    stock, ours = twins
    text = case.read_text().replace("@KEY@", wgconf.KEY.reveal())
    path = wgconf.write(tmp_path / "conf", "wg0", text)
    assert facts(stock) == facts(ours)
    before = facts(ours)
    stock.run("wg-quick", "up", str(path))
    ours.meshc("up", str(path), "--engine", engine)
    assert facts(ours) == facts(stock)
    stock.run("wg-quick", "down", str(path))
    ours.meshc("down", str(path))
    after = facts(ours)
    assert after["hooks"] == facts(stock)["hooks"]
    assert {**after, "hooks": "", "dns": ""} == {**before, "hooks": "", "dns": ""}


def facts(one: Namespace) -> dict[str, Any]:
    """What both must agree on."""
    links = [link for link in one.json("ip", "-j", "addr") if link["ifname"] == "wg0"]
    addresses = [
        (entry["local"], entry["prefixlen"], entry["scope"])
        for link in links
        for entry in link["addr_info"]
        # the kernel makes up a link-local address for a TUN device
        if not entry["local"].startswith("fe80:")
    ]
    # wg-quick guards the made-up link-local address of a TUN device too: no harm, no use
    guards = re.sub(r".* fe80:.*\n", "", one.shell("nft list ruleset"))
    return {
        "addresses": sorted(addresses),
        "links": [(link["mtu"], link["operstate"]) for link in links],
        "routes": [routes(one, family) for family in ("-4", "-6")],
        "rules": [one.json("ip", family, "-j", "-d", "rule") for family in ("-4", "-6")],
        "wireguard": wireguard(one) if links else "",
        "dns": one.shell("cat /run/resolvconf.log 2>/dev/null || true"),
        "hooks": one.shell("cat /run/hooks 2>/dev/null || true"),
        "mark": one.shell("sysctl net.ipv4.conf.all.src_valid_mark") if links else "",
        "guards": sorted(re.findall(r"(?m)^\s+(?:iifname|meta).*", guards)),
    }


def routes(one: Namespace, family: str) -> list[dict[str, Any]]:
    found = one.json("ip", family, "-j", "-d", "route", "show", "table", "all")
    kept = [route for route in found if not str(route["dst"]).startswith("fe80:")]
    return sorted(kept, key=lambda route: sorted(map(str, route.items())))


def wireguard(one: Namespace) -> list[str]:
    """Peers come in no order; a port that was not asked for is random."""
    text = one.shell("wg showconf wg0")
    wanted = [line for line in text.splitlines() if not line.startswith("ListenPort = ")]
    return sorted(
        ",".join(sorted(line.split(" = ")[-1].split(", "))) for line in wanted if " = " in line
    )
