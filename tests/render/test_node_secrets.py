"""The secrets of a plan: missing where a node keeps its own, and shown nowhere by themselves."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from meshc.keys import NetworkSecret
from meshc.render.node_secrets import Secrets
from meshc.topology.planner.mesh_plan import NodePlan
from tests.support.keyed_plans import artifacts, mesh_plan, private_key, secrets_of, small_plan


def conf_of(name: str, secrets: Secrets) -> str:
    """The file of a node of the small plan, whose hub keeps its own key."""
    plan = small_plan()
    hub = plan.nodes["hub"]
    own = replace(hub.spec, private_key_file="/etc/wireguard/own.key")
    plan = mesh_plan(replace(hub, spec=own), plan.nodes["laptop"], plan.nodes["phone"])
    (conf,) = (a for a in artifacts(plan, secrets) if a.path == f"{name}/wg0.conf")
    return conf.content.reveal().decode()


def _without_preshared(node: NodePlan) -> NodePlan:
    return replace(node, peers=tuple(peer._replace(preshared=False) for peer in node.peers))


@pytest.fixture
def secrets() -> Secrets:
    """Those of the small plan without the hub's key."""
    whole = secrets_of(small_plan())
    keys = {name: key for name, key in whole.private_keys.items() if name != "hub"}
    return replace(whole, private_keys=keys)


def test_no_key_is_written_for_a_node_that_keeps_its_own(secrets: Secrets) -> None:
    assert f"PrivateKey = {private_key('laptop').reveal()}" in conf_of("laptop", secrets)
    hub = conf_of("hub", secrets)
    assert "PrivateKey =" not in hub
    assert "/etc/wireguard/own.key" in hub


def test_a_network_without_preshared_keys_needs_no_network_secret(secrets: Secrets) -> None:
    plan = small_plan()
    plan = mesh_plan(*(_without_preshared(node) for node in plan.nodes.values()))
    without = [a.content.reveal() for a in artifacts(plan, replace(secrets, network=None))]
    assert without == [a.content.reveal() for a in artifacts(plan, secrets)]
    assert not any(b"PresharedKey" in content for content in without)
    assert "PresharedKey = " in conf_of("hub", secrets), "which others have"


def test_one_link_may_have_a_key_in_a_network_without(secrets: Secrets) -> None:
    """`links: [{endpoints: [hub, phone], preshared_key: true}]` says so for one pair."""
    plan = small_plan()
    network = replace(plan.spec.network, preshared_keys=False)
    plan = replace(plan, spec=replace(plan.spec, network=network))
    nodes = {name: _without_preshared(node) for name, node in plan.nodes.items()}
    nodes["phone"] = plan.nodes["phone"]
    plan = replace(plan, nodes=nodes)
    files = {a.path: a.content.reveal().decode() for a in artifacts(plan, secrets)}
    assert "PresharedKey = " in files["phone/wg0.conf"]
    assert "PresharedKey = " not in files["laptop/wg0.conf"]


def test_another_network_secret_is_another_key_on_every_link(secrets: Secrets) -> None:
    other = replace(secrets, network=NetworkSecret(b"o" * 32))
    lines = [
        {line for line in conf_of("hub", one).splitlines() if line.startswith("PresharedKey")}
        for one in (secrets, other)
    ]
    assert [len(found) for found in lines] == [2, 2]
    assert not lines[0] & lines[1]


def test_secrets_redact_themselves_and_stay_as_they_are(secrets: Secrets) -> None:
    assert secrets.network is not None
    for key in (*secrets.private_keys.values(), secrets.network):
        for text in (repr(secrets), str(secrets), f"{secrets}"):
            assert "redacted" in text
            assert key.reveal() not in text
    with pytest.raises(FrozenInstanceError):
        secrets.network = None  # type: ignore[misc]
