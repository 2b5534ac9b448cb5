"""Our rules are counted out of the lines that bring them, in each shape that they are built in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from meshc.deploy.remote import running_firewall
from meshc.deploy.remote.conf_lines import rule_comments, sections, settings
from meshc.deploy.remote.running_firewall import OwnChain, firewall_drift, own_rules
from tests.support.netns import namespaces, needs_root, require

MESH = """\
meshc: 1
network: {{name: testnet, addresses: [10.44.0.0/24, "fd44::/64"]}}
nodes:
  hub: {{role: relay, endpoint: 198.51.100.1, exit_node: true, routes: [192.168.7.0/24]{more}}}
  leaf: {{exit: hub}}
"""
POLICIES = "policies: [{from: leaf, to: internet}, {from: leaf, to: hub, allow: [tcp/1-9, udp/53]}]"
SHAPES = {"lines": "", "restore": ", firewall: iptables", "nft": ", firewall: nftables"}


def built(directory: Path, shape: str, policies: str = "") -> str:
    """The file of the hub."""
    file = directory / "mesh.yaml"
    file.write_text(MESH.format(more=SHAPES[shape]) + policies)
    compile_file(file)
    return (directory / "build" / "hub" / "wg0.conf").read_text()


def parts(conf: str) -> tuple[list[str], dict[str, list[str]]]:
    """The lines of its hooks, and the rules in its comments."""
    return settings(sections(conf)[0], "PreUp", "PostUp"), rule_comments(conf)


def test_both_shapes_of_iptables_bring_the_same_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_firewall, "which", lambda name: f"/sbin/{name}")
    single, text = (
        own_rules(hooks, "wg0", comments)
        for hooks, comments in (parts(built(tmp_path, shape)) for shape in ("lines", "restore"))
    )
    assert single.counts == text.counts
    assert single.hooks == text.hooks
    chain = OwnChain("iptables", "nat", "MESHC-NAT-wg0")
    assert single.counts[chain] == 2
    assert single.hooks[chain] == "POSTROUTING"


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("policies", ["", POLICIES], ids=["open", "policies"])
@pytest.mark.parametrize("shape", SHAPES)
def test_rules_that_stand_are_no_drift_and_each_that_is_gone_is(
    tmp_path: Path, shape: str, policies: str
) -> None:
    require("iptables", "nft")
    conf = built(tmp_path, shape, policies)
    file = tmp_path / "build/hub/wg0.conf"
    ask = (
        "import sys; from meshc.deploy.remote.conf_lines import *\n"
        "from meshc.deploy.remote.running_firewall import firewall_drift\n"
        "head = sections(sys.stdin.read())[0]; lines = settings(head, 'PreUp', 'PostUp')\n"
        "for one in firewall_drift(lines, 'wg0', rule_comments(head)): print(one.what)"
    )
    with namespaces("machine") as (machine,):
        machine.shell("ip link add wg0 type veth peer name far0")
        for line in parts(conf)[0]:
            machine.shell(f"CONFIG_FILE={file}; {line.replace('%i', 'wg0')}")

        def told() -> str:
            return machine.run(sys.executable, "-c", ask, input=conf).stdout

        assert told() == ""
        if shape == "nft":
            machine.shell("nft flush chain inet meshc-wg0 forward")
            assert "the rules of nft table inet meshc-wg0" in told()
            machine.shell("nft delete table inet meshc-wg0")
            assert "the rules of nft table inet meshc-wg0" in told()
            return
        machine.shell("iptables -D MESHC-FWD-wg0 -i wg0 -o wg0 -j ACCEPT")
        assert told() == "the rules of MESHC-FWD-wg0 in iptables\n"
        machine.shell("ip6tables -F FORWARD; iptables -t nat -I POSTROUTING -o lo -j RETURN")
        assert "FORWARD of ip6tables does not ask MESHC-FWD-wg0" in told()
        assert "POSTROUTING of iptables -t nat asks others before MESHC-NAT-wg0" in told()


def test_a_machine_without_the_tools_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks, comments = parts(built(tmp_path, "lines"))
    monkeypatch.setattr(running_firewall, "which", lambda name: None)
    assert list(firewall_drift(hooks, "wg0", comments)) == []
