"""The page says what the table says, and asks nothing of the network."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from meshc.render.policy_page import policy_page
from meshc.topology.language.spec import PolicyEnd, PolicySpec, Service
from meshc.topology.obligations.reach_table import ReachClass, ReachTable, reach_table
from tests.support.policy_networks import policy_network

TEXT = """
meshc: 1
network: {name: offices, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  con1: {}
  con2: {}
  erp: {routes: 192.168.9.0/24}
groups: {contractors: [con1, con2]}
policies:
  - {from: contractors, to: erp, allow: [tcp/443, icmp], why: "ticket <1>"}
  - {from: hub, to: 192.168.9.4}
"""
SPEC = policy_network(TEXT).spec
EVIL = '"><script>alert(1)</script>'


class Balanced(HTMLParser):
    """Fails where an element is not closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_cell_is_on_the_page_and_groups_are_folded() -> None:
    assert SPEC.policies is not None
    page = policy_page(SPEC, reach_table(SPEC), SPEC.policies[:1])
    titles = {unescape(text) for text in re.findall(r'title="([^"]*)"', page)}
    assert "contractors → erp: icmp, tcp/443" in titles
    assert "contractors → contractors: nothing" in titles
    assert "hub → erp:lan 192.168.9.4/32: all" in titles
    assert "2 members</summary><p>con1, con2</p>" in page
    assert "erp:lan 192.168.9.0/30, 192.168.9.5-192.168.9.255" in page
    assert "2 rules let 3 ordered pairs begin something" in page
    assert "<li>line 11: tcp/443, icmp (ticket &lt;1&gt;)</li>" in page


def test_names_stay_text_and_elements_are_closed() -> None:
    classes = (ReachClass((EVIL,), (EVIL, "b"), True), ReachClass(("c",), ("c",), False))
    end = PolicyEnd((EVIL,))
    page = policy_page(
        SPEC,
        ReachTable(classes, {(0, 1): (Service("tcp", 1, 2),)}),
        [PolicySpec(end, end, why=EVIL)],
    )
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert "script" not in parser.seen
    assert not re.findall(r"https?://|url\(|@import", page)


def test_a_network_without_policies_says_so() -> None:
    spec = policy_network(TEXT[: TEXT.index("policies:")]).spec
    assert "No policies: everybody reaches everybody" in policy_page(spec, reach_table(spec))
