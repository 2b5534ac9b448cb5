"""What a command line means: nodes, groups, sites, and all but some."""

from __future__ import annotations

import pytest

from meshc.deploy.plan.selection import selected
from meshc.diagnostics import Diagnostics
from meshc.errors import StateError
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Spec

MESH = """\
meshc: 1
network: {name: demo, addresses: 10.44.0.0/24}
sites: {home: {nat: none}, empty: {nat: none}}
groups: {servers: {members: [hub, mail]}}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net, deploy: {host: hub}}
  mail: {deploy: {host: mail}, site: home}
  desk: {deploy: {host: desk}, site: home}
  phone: {platform: ios, site: home, deploy: {host: phone}}
  lonely: {}
"""


@pytest.fixture
def spec() -> Spec:
    found = load_spec(MESH, file="mesh.yaml", diagnostics=Diagnostics())
    assert found is not None
    return found


def test_without_names_all_that_are_reached_but_those_left_out(spec: Spec) -> None:
    assert selected(spec) == ("desk", "hub", "mail")
    assert selected(spec, left_out=["servers"]) == ("desk",)
    assert selected(spec, left_out=["home", "lonely"]) == ("hub",)


def test_a_group_and_a_site_mean_their_nodes_that_are_reached(spec: Spec) -> None:
    assert selected(spec, ["servers"]) == ("hub", "mail")
    assert selected(spec, ["home", "servers"]) == ("desk", "mail", "hub")
    assert selected(spec, ["home"], ["mail"]) == ("desk",)


def test_a_node_that_is_named_is_meant_even_if_it_is_not_reached(spec: Spec) -> None:
    """Why it cannot be deployed is said of it."""
    assert selected(spec, ["lonely", "phone"]) == ("lonely", "phone")


@pytest.mark.parametrize(
    ("name", "why", "hint"),
    [("severs", "no node, group or site 'severs'", "servers"), ("empty", "no node of empty", "")],
)
def test_a_name_that_means_nobody_is_refused(spec: Spec, name: str, why: str, hint: str) -> None:
    for names, left_out in (([name], []), (["hub"], [name])):
        if (names, name) == (["hub"], "empty"):
            continue  # to leave out nobody is no mistake
        with pytest.raises(StateError, match=why) as told:
            selected(spec, names, left_out)
        assert hint in (told.value.hint or "")
