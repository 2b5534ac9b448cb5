"""Networks with policies, from text or a tree to what the planner makes of them."""

from __future__ import annotations

import random
import re
from typing import Any, NamedTuple

import yaml

from meshc.diagnostics import Diagnostics
from meshc.keystore.ring import made_up
from meshc.prefixes import BITS
from meshc.render.node_secrets import Secrets
from meshc.render.openwrt_script import openwrt
from meshc.render.routeros_script import routeros
from meshc.render.wgquick import WgQuickRenderer
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Platform, Spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.analysis import Analysis, analyse
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.planner.planning import plan_mesh
from meshc.topology.proof import NodeFile, Proof, expectation, prove, read_script
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.node_model import NodeModel, model_of
from meshc.wg.conf import parse
from tests.support.policy_oracle import Oracle, random_policies

# An office whose router is everything at once: a relay, an exit, and in front of a LAN.
OFFICE = """
meshc: 1
network: {{name: n, addresses: [10.44.0.0/24, "fd44::/64"]}}
nodes:
  hub: {{role: relay, endpoint: 198.51.100.1}}
  office: {{platform: {platform}, role: relay, exit_node: true, endpoint: 198.51.100.2,
           routes: 192.168.7.0/24}}
  a: {{endpoint: 198.51.100.3}}
  b: {{}}
  phone: {{platform: ios}}
  guest: {{exit: office, dns: 9.9.9.9}}
policies:
  - {{from: b, to: a, allow: [tcp/22, icmp]}}
  - {{from: b, to: 192.168.7.5, allow: tcp/445}}
  - {{from: a, to: office, allow: tcp/22}}
  - {{from: "office:lan", to: a, allow: udp/53}}
  - {{from: a, to: phone, allow: tcp/80}}
  - {{from: guest, to: internet}}
"""
POLICY_CODES = {"E431", "E432", "E433", "W443"}
_SCRIPTS = {
    Platform.OPENWRT: (openwrt, ".openwrt.sh"),
    Platform.ROUTEROS: (routeros, ".rsc"),
}


class PolicyNetwork(NamedTuple):
    spec: Spec
    analysis: Analysis
    plan: MeshPlan
    secrets: Secrets
    oracle: Oracle
    findings: Diagnostics

    def files(self) -> dict[str, str]:
        """What the managed nodes run: wg-quick files, and the scripts of routers."""
        renderer = WgQuickRenderer(self.plan, self.secrets)
        found = {}
        for node in self.plan.nodes.values():
            script = _SCRIPTS.get(node.spec.platform)
            if script is not None and node.spec.managed:
                found[node.name] = script[0](self.plan, node, self.secrets)
            elif node.spec.managed:
                found[node.name] = renderer.render(node).decode()
        return found

    def expected(self) -> Expectation:
        """What the proof holds files against."""
        return expectation(
            self.spec,
            public_keys={name: node.public_key for name, node in self.plan.nodes.items()},
            addresses=self.analysis.allocation.addresses,
        )

    def proof(self, files: dict[str, str]) -> Proof:
        """What the proof says about files, as they are or changed by hand."""
        made = self.expected()
        return prove([self._read(name, text) for name, text in files.items()], made)

    def model(self, name: str, text: str) -> NodeModel:
        """One node with this text as its file."""
        file = self._read(name, text)
        return model_of(self.expected().nodes[name], file.conf, file.script)

    def _read(self, name: str, text: str) -> NodeFile:
        script = _SCRIPTS.get(self.spec.nodes[name].platform)
        if script is None:
            return NodeFile(name, parse(text))
        read = read_script(text, file=f"{name}/wg0{script[1]}")
        return NodeFile(name, read.conf, script=read)

    def codes(self, files: dict[str, str]) -> set[str]:
        return {item.code for item in self.proof(files).findings}


# Faults in files with policies: a rule or an element is lost, widened, or lets more pass.
FAULTS = [
    (r"#iptables -A MESHC-S\d+-%i -d .*RETURN\n", ""),
    (r"#iptables -A MESHC-POL-%i -s .*\n", ""),
    (r"-A MESHC-POL-%i -j DROP", "-A MESHC-POL-%i -j RETURN"),
    (r"goto access\n", "accept\n"),
    (r"(?<= return\n#nft )drop\n", "return\n"),
    (r"\S+ : goto from[46]_\d+, ", ""),
    (r"tcp \. 22\b", "tcp . 22-23"),
    (r"--dport 53 ", "--dport 53:54 "),
]
# The same in the text that an OpenWrt router includes, and in how it does.
OPENWRT_FAULTS = {
    "an element of the map lost": (r"\S+ : goto meshc_wg0_from[46]_\d+(?:, )?", ""),
    "a sender moved": (r"(saddr vmap \{ \S+ : goto meshc_wg0_from[46])_0\b", r"\1_1"),
    "an element of a set lost": (r"[0-9a-f.:/]+ \. (?:tcp|udp) \. [\d-]+, ", ""),
    "a port widened": (r"\. tcp \. 22\b", ". tcp . 22-23"),
    "a rule dropped": (r"(?m)^ip6? daddr .* return\n", ""),
    "return at the end": (r"(?<= return\n)drop\n", "return\n"),
    "accept instead of a look": (r"(?:goto|jump) meshc_wg0_access\n", "accept\n"),
    "a family forgotten": (r"(?m)^ip saddr vmap .*\n(?:[0-9a-f].*\n)*", ""),
    "the included text switched off": (
        r"(?m)^(set firewall\.meshc_wg0_policy)=include$",
        r"\1=include\n\1.enabled='0'",
    ),
    "another text included": (r"(meshc_wg0_policy\.path='[^']*)'", r"\1.old'"),
    "who comes in is not asked": (r"(?m)^type filter hook input .*\n(?:iifname .*\n)+", ""),
    "a drop before all": (r"(hook forward .*\n)", r"\1drop\n"),
}


def faults_of(text: str) -> list[tuple[str, str]]:
    """Those that can be planted in this file."""
    known = FAULTS
    if "meshc_wg0_policy" in text:
        known = [*OPENWRT_FAULTS.values()]
    elif "meshc-wg0-access" in text:
        known = [*ROUTEROS_FAULTS.values()]
    return [one for one in known if re.search(one[0], text)]


def plant(text: str, fault: tuple[str, str], rng: random.Random) -> str:
    """The file with one fault, in one of the places where it can be."""
    pattern, new = fault
    place = rng.choice([*re.finditer(pattern, text)])
    return with_fault(text, place, place.expand(new))


WAYS = ((TUNNEL, ""), (TUNNEL, TUNNEL), (TUNNEL, OUTSIDE), (OUTSIDE, TUNNEL), ("", TUNNEL))


def same_packets(one: NodeModel, other: NodeModel, rng: random.Random, count: int) -> bool:
    """Whether two files of a node do the same with packets that begin something, as far as
    `count` random ones can tell: slow, one after the other. What is planted may change nothing, as
    where a later rule drops the same."""
    for before, after in zip(one.firewalls, other.firewalls, strict=True):
        rules = [
            rule for some in (*before.chains.values(), *after.chains.values()) for rule in some
        ]
        named = [p for r in rules for p in (r.source, r.destination, *r.sources) if p is not None]
        edges = {(p.family, at) for p in named for at in (p.value, p.last, p.last + 1)}
        services = [(r.protocol, port) for r in rules if r.protocol for port in r.ports or (0,)]
        services += [(protocol, port + 1) for protocol, port in services] + [("other", 0)]
        for family in (4, 6):
            mine = sorted(at for of, at in edges if of == family and at < 1 << BITS[family])
            for _ in range(count if mine else 0):
                ends = rng.choice(mine), rng.choice(mine)
                protocol, port = rng.choice(services)
                flow = Flow(family, *ends, *rng.choice(WAYS), protocol=protocol, port=port)
                if (before.passing(flow)[0] is None) != (after.passing(flow)[0] is None):
                    return False
    return True


def router_policies(seed: int) -> dict[str, Any]:
    """A random network in which many nodes are routers, also relays and exits."""
    tree = random_policies(seed)
    rng = random.Random(seed)
    for node in tree["nodes"].values():
        if "platform" not in node and rng.random() < 0.6:
            node["platform"] = rng.choice(["openwrt", "routeros"])
    return tree


def with_fault(text: str, place: re.Match[str], new: str) -> str:
    """The file with another text in one place."""
    return recounted(text[: place.start()] + new + text[place.end() :])


def recounted(text: str) -> str:
    """The file with the count of its comments made right: else the node would see by itself that
    something is missing, and never come up."""
    count = len(re.findall(r"(?m)^#(?:iptables|ip6tables|nft) ", text))
    return re.sub(r'(?<="\$CONFIG_FILE"\)" = )\d+', str(count), text)


def policy_network(source: str | dict[str, Any]) -> PolicyNetwork:
    """Raises: Refused where the network is."""
    text = source if isinstance(source, str) else yaml.safe_dump(source)
    found = Diagnostics()
    spec = load_spec(text, file="mesh.yaml", diagnostics=found)
    found.barrier()
    assert spec is not None
    analysis = analyse(spec, Lock(), found)
    found.barrier()
    ring = made_up(spec, Lock())
    plan = plan_mesh(spec, analysis.graph, analysis.allocation, ring.public, 1, found,
                     routing=analysis.routing)  # fmt: skip
    addresses = {
        name: [prefix.address for prefix in prefixes]
        for name, prefixes in analysis.allocation.addresses.items()
    }
    return PolicyNetwork(
        spec, analysis, plan, ring.secrets, Oracle(yaml.safe_load(text), addresses), found
    )


# and in the rules of a MikroTik router
_ALLOWS = 'chain="meshc-wg0-access" action=return'
ROUTEROS_FAULTS = {
    "an entry of a list lost": (r"(?m)^/ip/firewall/address-list/add list=.*\n", ""),
    "an entry in another list": (r'(address-list/add list="meshc-wg0-)1"', r'\g<1>2"'),
    "a sender widened": (r"(src-address=192\.168\.7\.0)/24 (?=dst-address)", r"\1/23 "),
    "a port widened": (r"protocol=tcp dst-port=22 ", "protocol=tcp dst-port=22-23 "),
    "a protocol forgotten": (r"protocol=tcp dst-port=22 ", ""),
    "a rule dropped": (rf"(?m)^/ip/firewall/filter/add {_ALLOWS} .*\n", ""),
    "a rule switched off": (
        rf"(?m)^(/ip/firewall/filter/add {_ALLOWS} .*)$",
        r"\1 disabled=yes",
    ),
    "return at the end": (r'(chain="meshc-wg0-access" action=)drop', r"\1return"),
    "accept for a jump": (
        r'(chain=input .*)action=jump jump-target="meshc-wg0-access"',
        r"\1action=accept",
    ),
    "a family forgotten": (r"(?m)(?:^/ipv6/firewall/filter/add chain=input in-interface.*\n)+", ""),
    "rules left behind the router's own": (r"(?m)^/ip/firewall/filter/move .*\n", ""),
    "who comes in is not asked": (
        r"(?m)(?:^/ip/firewall/filter/add chain=input in-interface.*\n)+",
        "",
    ),
    "ICMP of the other family": (r"(?m)(/ipv6/.*)protocol=icmpv6", r"\1protocol=icmp"),
    "what the router sends is not asked": (r"(?m)^/ip/firewall/filter/add chain=output .*\n", ""),
    "removed again": (
        r"(?m)^(/ip/firewall/filter/move .*)$",
        '\\1\n/ip/firewall/filter/remove [find chain="meshc-wg0-access"]',
    ),
    "changed again": (
        r"(?m)^(/ip/firewall/filter/move .*)$",
        "\\1\n/ip/firewall/filter/set [find action=drop] action=accept",
    ),
    "an accept before all": (
        r"(?m)^(/ip/firewall/filter/add chain=input in-interface=.*)$",
        r'/ip/firewall/filter/add chain=input action=accept comment="meshc wg0"\n\1',
    ),
}
