"""Which nodes must change in one moment: those that a change cuts off, and those that it cuts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from meshc.deploy.plan.difference import readable
from meshc.deploy.plan.survey import Surveyed
from meshc.values import dataclass, field


@dataclass(frozen=True, slots=True)
class JointMember:
    """`depth` is 0 for a node that is reached from outside of the tunnels, else one more than that
    of the nearest member that it talks to; `way` are those nearer peers whose answers tell whether
    they have kept the change, public key to address in the tunnel; `before` is where they were."""

    found: Surveyed
    depth: int
    way: Mapping[str, str]
    before: Mapping[str, str] = field(default_factory=dict)


def joint_group(
    surveyed: Sequence[Surveyed], together: Collection[str] = ()
) -> tuple[JointMember, ...]:
    """Empty where no change cuts anybody off, and none of those that are wanted `together` changes.
    All relays that change are among them where somebody is cut off: the way to those may lead over
    several."""
    changing = {one.target.name: one for one in surveyed if one.facts and one.difference}
    cutting = {name for name, one in changing.items() if one.difference.cuts}
    cut = {name for one in changing.values() for name in one.difference.cuts}
    relays = {name for name, one in changing.items() if one.target.plan.spec.is_relay}
    wanted = set(together) | (cutting | cut | relays if cutting else set())
    members = {name: changing[name] for name in sorted(wanted & set(changing))}
    depths = _depths(members)
    ways = {name: _way(name, members, depths) for name in members}
    before = _before(surveyed, {key for way in ways.values() for key in way})
    return tuple(
        JointMember(
            one,
            depths[name],
            ways[name],
            {key: before[key] for key in ways[name] if key in before},
        )
        for name, one in members.items()
    )


def _before(surveyed: Sequence[Surveyed], keys: Collection[str]) -> dict[str, str]:
    """The address that the file on each of these nodes gives it, by the key that it will have."""
    found = {}
    for one in surveyed:
        key = str(one.target.plan.public_key)
        conf = readable(one.facts.conf) if one.facts and key in keys else None
        if conf and conf.addresses:
            found[key] = conf.addresses[0].address
    return found


def _depths(members: Mapping[str, Surveyed]) -> dict[str, int]:
    """By breadth, from those that are reached from outside; one whose way is no member's at all is
    a step away from what does not change."""
    depths = {name: 0 for name, one in members.items() if not one.target.reached_inside}
    depth = 0
    while len(depths) < len(members):
        depth += 1
        near = {name for name, found in depths.items() if found == depth - 1}
        reached = {
            name
            for name, one in members.items()
            if name not in depths and near & {peer.name for peer in one.target.plan.peers}
        }
        depths |= dict.fromkeys(reached or set(members) - set(depths), depth)
    return depths


def _way(name: str, members: Mapping[str, Surveyed], depths: Mapping[str, int]) -> dict[str, str]:
    """A peer that is not cut off from this one answers it before the change and after it, which
    says nothing of those that are; such peers count only where there are no others."""
    if depths[name] == 0:
        return {}
    one = members[name]
    peers = {peer.name: str(peer.public_key) for peer in one.target.plan.peers}
    inside = one.target.inside
    nearer = [peer for peer in peers if depths.get(peer, depths[name]) < depths[name]]
    telling = [
        peer
        for peer in nearer
        if name in members[peer].difference.cuts or peer in one.difference.cuts
    ]
    relays = one.target.relays
    found = telling or nearer or [peer for peer in peers if peer in relays]
    return {peers[peer]: inside[peers[peer]] for peer in found if peers[peer] in inside}
