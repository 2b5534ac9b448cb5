"""All rules run on one file, and each says its part."""

from __future__ import annotations

from tests.support.language_codes import codes


def test_the_rules_do_not_hide_each_other() -> None:
    nodes = "a: {mtu: 1500, role: relay, address: 10.44.0.9/24}, b: {endpoint: 10.0.0.1}"
    assert sorted(codes(nodes, pools="9.0.0.0/8")) == ["I153", "W142", "W145", "W150", "W154"]


def test_a_file_without_a_fault_has_no_finding() -> None:
    assert codes("a: {endpoint: a.demo-vpn.net}, b: {}") == []
