"""The plan of whole networks: who lists whom, with what."""

from __future__ import annotations

from meshc.topology.plan import PeerPlan
from meshc.topology.spec import LinkSpec, Nat, SiteSpec
from tests.support import specs
from tests.support.specs import node


def sections(plan: object, name: str) -> dict[str, tuple[str, ...]]:
    peers: tuple[PeerPlan, ...] = plan.nodes[name].peers  # type: ignore[attr-defined]
    return {p.name: tuple(map(str, p.allowed_ips)) for p in peers}


def docs_network() -> specs.Spec:
    """The main example of wireguard-docs."""
    return specs.spec(
        [
            node(
                "public-server1",
                relay=True,
                endpoint="public-server1.example-vpn.dev",
                address="10.44.0.1",
            ),
            node("public-server2", endpoint="public-server2.example-vpn.dev", address="10.44.0.2"),
            node("home-server", site="home", lan="192.168.1.10", address="10.44.0.3"),
            node("laptop", site="home", address="10.44.0.4"),
            node("phone", nat=Nat.SYMMETRIC, address="10.44.0.5"),
        ],
        sites=[SiteSpec("home")],
        links=[LinkSpec("laptop", "phone", False)],
    )


def test_the_relay_lists_everybody_and_leaves_have_the_catch_all() -> None:
    plan = specs.plan(docs_network())
    assert sections(plan, "public-server1") == {
        "home-server": ("10.44.0.3/32",),
        "laptop": ("10.44.0.4/32",),
        "phone": ("10.44.0.5/32",),
        "public-server2": ("10.44.0.2/32",),
    }
    assert sections(plan, "phone") == {
        "public-server1": ("10.44.0.0/24",),
        "public-server2": ("10.44.0.2/32",),
    }
    assert sections(plan, "laptop") == {
        "home-server": ("10.44.0.3/32",),
        "public-server1": ("10.44.0.0/24",),
        "public-server2": ("10.44.0.2/32",),
    }


def test_endpoints_and_keepalives_are_on_the_right_side() -> None:
    plan = specs.plan(docs_network())
    phone = {p.name: (p.endpoint is not None, p.keepalive) for p in plan.nodes["phone"].peers}
    assert phone == {"public-server1": (True, 25), "public-server2": (True, 25)}
    relay = {
        p.name: (p.endpoint is not None, p.keepalive) for p in plan.nodes["public-server1"].peers
    }
    assert relay == {
        "home-server": (False, None),
        "laptop": (False, None),
        "phone": (False, None),
        "public-server2": (True, None),
    }
