"""The lines that load all rules of a node: of both tools, with one meaning."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from meshc.render.firewall.loading import loading_hooks
from meshc.topology.language.spec import FirewallTool
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.loaded_rules import lacks_comments, loaded_text
from meshc.topology.proof.netfilter import Firewall
from tests.support.policy_networks import policy_network
from tests.support.policy_oracle import random_policies

WAYS = [(TUNNEL, ""), ("", TUNNEL), (TUNNEL, TUNNEL), (OUTSIDE, TUNNEL), (TUNNEL, OUTSIDE)]
SERVICES = [("tcp", 22), ("tcp", 85), ("tcp", 100), ("udp", 53), ("icmp", 0), ("sctp", 0)]


@pytest.mark.parametrize("seed", range(8))
def test_both_texts_of_a_node_do_the_same(seed: int) -> None:
    rng = random.Random(seed)
    network = policy_network(random_policies(seed))
    addresses = [a for some in network.analysis.allocation.addresses.values() for a in some]
    addresses += [route for node in network.spec.nodes.values() for route in node.routes]
    for node in network.plan.nodes.values():
        if not node.firewall:
            continue
        hooks = loading_hooks(node.firewall, FirewallTool.AUTO)
        one, other = (
            Firewall.read(hooks.pre_up, "wg0", hooks.comments, nft=nft) for nft in (False, True)
        )
        for _ in range(300):
            source, target = rng.choice(addresses), rng.choice(addresses)
            if source.family != target.family:
                continue
            flow = Flow(source.family, source.value, target.value + rng.randrange(2),
                        *rng.choice(WAYS), rng.random() < 0.3, *rng.choice(SERVICES))  # fmt: skip
            assert one.passing(flow)[0] == other.passing(flow)[0], (node.name, flow)
            assert one.masquerades(flow) == other.masquerades(flow)


def test_a_named_tool_has_the_file_to_itself() -> None:
    network = policy_network(random_policies(1))
    firewall = next(node.firewall for node in network.plan.nodes.values() if node.firewall)
    iptables, nft = (
        loading_hooks(firewall, tool) for tool in (FirewallTool.IPTABLES, FirewallTool.NFTABLES)
    )
    assert not any("nft -f" in line for line in iptables.pre_up)
    assert not any("-restore" in line for line in nft.pre_up)
    assert not any("command -v" in line for line in (*iptables.pre_up, *nft.pre_up))
    assert {line.split()[0] for line in iptables.comments} == {"#iptables", "#ip6tables"}
    assert {line.split()[0] for line in nft.comments} == {"#nft"}


def test_rules_are_there_before_the_interface() -> None:
    network = policy_network(random_policies(1))
    hub = network.plan.nodes["hub"]
    hooks = loading_hooks(hub.firewall, FirewallTool.AUTO)
    assert [line.rpartition("| ")[2] for line in hooks.pre_up[-3:]] == [
        "iptables-restore -w --noflush; fi",
        "ip6tables-restore -w --noflush; fi",
        "nft -f -; fi",
    ]
    assert not any("MESHC" in line for line in hooks.post_up)


@pytest.mark.parametrize("seed", range(4))
def test_no_line_is_long(seed: int) -> None:
    """What wg-quick needs for a line of a hook grows with the square of its length."""
    for node in policy_network(random_policies(seed)).plan.nodes.values():
        hooks = loading_hooks(node.firewall, FirewallTool.AUTO)
        assert max(map(len, (*hooks.pre_up, *hooks.comments)), default=0) <= 400


def run(line: str, file: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """As wg-quick(8) does, with programs of our own in the place of those that load."""
    for name in ("iptables-restore", "ip6tables-restore", "nft"):
        program = directory / name
        program.write_text(f'#!/bin/sh\n{{ echo "$@"; cat; }} > {directory}/{name}.got\n')
        program.chmod(0o755)
    return subprocess.run(
        ["bash", "-O", "extglob", "-e", "-o", "pipefail", "-c", line.replace("%i", "wg0")],
        env={"CONFIG_FILE": str(file), "PATH": f"{directory}:/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def with_device(line: str) -> str:
    """With one name for what the node looks up, be it done or not."""
    line = re.sub(r"\$\(\{ ip .*?sed 1q\)", "X", line)
    return re.sub(r"(?<=-[io] )\w+|(?<=[io]ifname \")\w+", "DEVICE", line)


@pytest.mark.parametrize("tool", [FirewallTool.IPTABLES, FirewallTool.NFTABLES])
def test_a_shell_hands_over_what_the_proof_reads(tool: FirewallTool, tmp_path: Path) -> None:
    hub = policy_network(random_policies(1)).plan.nodes["hub"]
    hooks = loading_hooks(hub.firewall, tool)
    file = tmp_path / "wg0.conf"
    file.write_text("".join(f"{line}\n" for line in ("[Interface]", *hooks.comments)))
    loads = 0
    for line in hooks.pre_up:
        text = loaded_text(line, hooks.comments)
        if text is None:
            continue
        loads += 1
        assert run(line, file, tmp_path).returncode == 0
        name = {4: "iptables-restore", 6: "ip6tables-restore", 0: "nft"}[text.family]
        said = (tmp_path / f"{name}.got").read_text().splitlines()[1:]
        assert [with_device(line) for line in said] == [
            with_device(line.replace("%i", "wg0")) for line in text.lines
        ]
    assert loads == (1 if tool is FirewallTool.NFTABLES else 2)


def test_a_file_that_lost_comments_does_not_come_up(tmp_path: Path) -> None:
    """Otherwise what rewrites a file without them would open the node."""
    hub = policy_network(random_policies(1)).plan.nodes["hub"]
    hooks = loading_hooks(hub.firewall, FirewallTool.AUTO)
    (counts,) = (line for line in hooks.pre_up if "grep -c" in line)
    file = tmp_path / "wg0.conf"
    file.write_text("".join(f"{line}\n" for line in hooks.comments))
    assert run(counts, file, tmp_path).returncode == 0
    assert not lacks_comments(counts, hooks.comments)
    for kept in (hooks.comments[1:], ()):
        file.write_text("".join(f"{line}\n" for line in kept))
        done = run(counts, file, tmp_path)
        assert done.returncode
        assert "are missing in this file" in done.stderr
        assert lacks_comments(counts, kept)
