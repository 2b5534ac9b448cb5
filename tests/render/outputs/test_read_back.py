"""Every output of random networks means what the wg-quick file beside it does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from meshc.errors import Refused
from meshc.topology.language.spec import Output

_ANY = [output.value for output in Output if output is not Output.NETWORKMANAGER]


def topology(seed: int) -> str:
    """A relay or two, their leaves with settings that matter to an output, and all outputs."""
    chance = random.Random(seed)

    def some(**keys: str) -> str:
        return "".join(f", {key}: {value}" for key, value in keys.items() if chance.random() < 0.4)

    every = f"outputs: [{', '.join(_ANY)}]"
    interface = chance.choice(["wg0", "wg-0", "mesh0"])
    lines = [
        "meshc: 1",
        f'network: {{name: r{seed}, addresses: [10.44.0.0/24, "fd44::/64"], interface: {interface}'
        + some(domain="r.dev", preshared_keys="false", firewall="nftables", mtu="1380")
        + "}",
    ]
    lines += ["nodes:", f"  hub: {{role: relay, endpoint: 9.9.9.9, exit_node: true, {every}}}"]
    if chance.random() < 0.5:
        lines.append(f"  spare: {{role: relay, endpoint: 9.9.9.8, {every}}}")
    for number in range(4):
        keys = some(exit="hub", dns="[10.44.0.1, r.example]", listen_port=str(50000 + number))
        keys += some(fwmark="77", mtu="1400", post_up="echo %i is up", pre_down="echo it's %i")
        keys += some(routes=f"10.9.{number}.0/24", keepalive="21", open_port="true")
        lines.append(f"  n{number}: {{{every}{keys}}}")
    both = "outputs: [networkd, networkmanager]"
    keys = some(exit="hub", dns="r.example", fwmark="78")
    lines.append(f"  plain: {{{both}{keys}}}")
    if chance.random() < 0.5:
        lines.append("policies: [{from: all, to: [all, internet]}]")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(6))
def test_what_is_emitted_is_read_back_without_a_finding(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    text = topology(seed)
    if "policies" in text:  # rules of the firewall, which NetworkManager has no place for
        text = text.replace("[networkd, networkmanager]", "[networkd]")
    file.write_text(text)
    try:
        found = compile_file(file).findings
    except Refused as refused:
        found = refused.diagnostics
    told = [(one.code, one.message) for one in found if one.code in ("E456", "W458", "E512")]
    assert told == [], text
    assert [one for one in found if one.code.startswith("E")] == [], text
