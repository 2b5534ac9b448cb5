"""The text that OpenWrt's firewall includes: read as fw4 would, and planted faults are found."""

from __future__ import annotations

import random
import re

import pytest

from meshc.topology.proof.fw4_include import include, written_files
from meshc.topology.proof.iptables_rule import Rule
from meshc.topology.proof.netfilter import Chain
from meshc.topology.proof.uci_settings import UciSection
from tests.support.policy_networks import (
    OFFICE,
    OPENWRT_FAULTS,
    POLICY_CODES,
    PolicyNetwork,
    policy_network,
    router_policies,
)

PATH = "/etc/nftables.d/x.policy"
FORWARD: Chain = (4, "filter", "FORWARD")
BASE = ["chain x {", "type filter hook forward priority 0; policy accept;"]
KNOWN = Rule("ACCEPT", "fw4's own")


@pytest.fixture(scope="module")
def network() -> PolicyNetwork:
    return policy_network(OFFICE.format(platform="openwrt"))


def included(*lines: str, **options: str) -> dict[Chain, list[Rule]]:
    chains = {FORWARD: [KNOWN]}
    given = {"type": "nftables", "path": PATH, **options}
    section = UciSection("firewall", "p", "include", 1, {k: [v] for k, v in given.items()})
    include(chains, section, {PATH: [*BASE, *lines, "}"]})
    return chains


def test_a_script_writes_files_whole_and_moves_them() -> None:
    script = "cat > /a.new <<'EOF'\none\nEOF\necho\nmv /a.new /a\nmv /b /c\n"
    assert written_files(script) == {"/a": ["one"]}


def test_the_text_comes_before_the_rules_of_the_zones() -> None:
    chains = included("ip saddr 10.0.0.1 drop")
    jump, known = chains[FORWARD]
    assert known is KNOWN
    (rule,) = chains[4, "filter", jump.target]
    assert (str(rule.source), rule.target, jump.modelled) == ("10.0.0.1/32", "DROP", True)


def test_an_accept_leaves_the_packet_to_the_zones() -> None:
    chains = included("ip saddr 10.0.0.1 accept")
    assert [rule.target for rule in chains[4, "filter", chains[FORWARD][0].target]] == ["RETURN"]
    inner = included("jump y", "}", "chain y {", "accept")
    assert [rule.modelled for rule in inner[4, "filter", "y"]] == [False]


def test_a_closed_base_chain_drops_the_rest() -> None:
    chains: dict[Chain, list[Rule]] = {}
    section = UciSection("firewall", "p", "include", 1, {"type": ["nftables"], "path": [PATH]})
    closed = [BASE[0], BASE[1].replace("accept", "drop"), "}"]
    include(chains, section, {PATH: closed})
    assert [rule.target for rule in chains[4, "filter", f"{PATH} FORWARD"]] == ["DROP"]


def test_a_file_that_is_not_there_is_passed_over() -> None:
    assert included(path="/elsewhere")[FORWARD] == [KNOWN]


@pytest.mark.parametrize(
    "options",
    [{"type": "script"}, {"position": "chain-prepend", "chain": "input"}, {"family": "ipv4"}],
)
def test_another_kind_of_include_is_beyond_the_proof(options: dict[str, str]) -> None:
    assert [rule.modelled for rule in included(**options)[FORWARD]] == [False, True]


@pytest.mark.parametrize("fault", OPENWRT_FAULTS)
def test_a_planted_fault_is_found(network: PolicyNetwork, fault: str) -> None:
    files = network.files()
    pattern, new = OPENWRT_FAULTS[fault]
    text, times = re.subn(pattern, new, files["office"], count=1)
    assert times
    assert network.codes(files | {"office": text}) & POLICY_CODES


def test_a_zone_that_refuses_what_is_allowed_is_found(network: PolicyNetwork) -> None:
    files = network.files()
    text = files["office"].replace("meshc_wg0_zone.input='ACCEPT'", "meshc_wg0_zone.input='REJECT'")
    assert "E432" in network.codes(files | {"office": text})


@pytest.mark.parametrize("seed", range(4))
def test_what_is_built_for_routers_holds(seed: int) -> None:
    network = policy_network(router_policies(seed))
    files = network.files()
    assert not network.codes(files) & POLICY_CODES
    routers = [name for name, text in files.items() if ".policy" in text]
    if routers:
        name = random.Random(seed).choice(sorted(routers))
        open_ = re.sub(r"(hook input .*\n)", r"\1accept\n", files[name])
        assert network.codes(files | {name: open_}) & POLICY_CODES
