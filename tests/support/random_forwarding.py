"""Random values of what a node forwards."""

from __future__ import annotations

from hypothesis import strategies as st

from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding


def _parsed(*texts: str) -> tuple[Prefix, ...]:
    return tuple(map(Prefix.parse, texts))


POOLS = {4: Prefix.parse("10.44.0.0/24"), 6: Prefix.parse("fd44::/64")}
LANS = {
    4: tuple(
        map(Prefix.parse, ("192.168.1.0/24", "192.168.1.64/26", "172.16.0.0/12", "10.0.0.0/8"))
    ),
    6: tuple(map(Prefix.parse, ("fd01::/64", "fd01::8000/113", "2001:db8:1::/48"))),
}
USERS = (*(Prefix(p.family, p.value, p.length + 3) for p in POOLS.values()), *LANS[4], *LANS[6])


@st.composite
def forwardings(draw: st.DrawFn) -> Forwarding:
    """One that is needed, as the planner makes them: families, pools and LANs fit together."""
    pools = draw(st.sampled_from([(4,), (6,), (4, 6)]))
    lans = draw(st.sets(st.sampled_from(LANS[4] + LANS[6]), max_size=3))
    relay, exit_ = draw(st.booleans()), draw(st.booleans())
    users = draw(st.sets(st.sampled_from(USERS), max_size=3))
    return Forwarding(
        families=tuple(sorted({*pools, *(lan.family for lan in lans)})),
        pools=tuple(POOLS[family] for family in pools),
        relay=relay or not (lans or exit_),
        lans=tuple(sorted(lans)),
        masquerade=draw(st.booleans()),
        exit=exit_,
        users=tuple(sorted(users)) if exit_ else (),
        clamp_mss=draw(st.booleans()),
    )
