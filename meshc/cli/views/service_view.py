"""The story of one service, as text and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshc.topology.language.spec import PolicySpec
    from meshc.topology.proof.service_explanation import ServiceLeg, ServiceStory


def service_text(story: ServiceStory) -> str:
    """An answer in a sentence, then each family."""
    verb = "reaches" if story.works else "does not reach"
    lines = [f"{story.a} {verb} {story.b} at {story.service}."]
    if not story.legs:
        lines.append("They have no address family in common.")
    for leg in story.legs:
        lines.append(f"IPv{leg.family}: {_way(leg)}")
        if story.policies:
            lines.append(f"  {_rule_text(story, leg)}")
        if leg.back is not None:
            how = "come back" if leg.back.delivered else "are lost"
            lines.append(f"  answers {how}: {' → '.join(leg.back.path)}")
    return "\n".join(lines)


def service_data(story: ServiceStory) -> dict[str, Any]:
    """For JSON."""
    return {
        "a": story.a,
        "b": story.b,
        "service": str(story.service),
        "works": story.works,
        "legs": [
            {
                "family": leg.family,
                "delivered": leg.there.delivered,
                "answered": leg.works,
                "path": list(leg.there.path),
                "drop": leg.there.drop.text if leg.there.drop else None,
                "rules": [_rule_data(rule) for rule in leg.rules],
                "allowed": [str(service) for service in leg.instead],
            }
            for leg in story.legs
        ],
    }


def _way(leg: ServiceLeg) -> str:
    if leg.there.drop is not None:
        return leg.there.drop.text
    return f"arrives: {' → '.join(leg.there.path)}"


def _rule_text(story: ServiceStory, leg: ServiceLeg) -> str:
    if leg.rules:
        (rule,) = leg.rules
        line = f"line {rule.location.line}" if rule.location else f"number {rule.index + 1}"
        why = f": {rule.why}" if rule.why else ""
        return f"allowed by the rule in {line}{why}"
    if leg.instead:
        may = ", ".join(map(str, leg.instead))
        return f"no rule allows it; what {story.a} may begin there: {may}"
    return f"no rule of `policies:` lets {story.a} begin anything with {story.b}"


def _rule_data(rule: PolicySpec) -> dict[str, Any]:
    place = rule.location
    return {"index": rule.index, "line": place.line if place else None, "why": rule.why or None}
