"""What `doctor` prints: each machine in a line or two, and what is in the way on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshc.cli.views.build_report import print_findings
from meshc.cli.views.page import Styled, standard_page
from meshc.deploy.protocol_json import plain
from meshc.render.report.json import as_dict, envelope
from meshc.render.report.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshc.deploy.plan.survey import Surveyed
    from meshc.deploy.protocol import Facts

_OF_A_DEPLOY = frozenset({"E707", "E708", "E709", "W710"})
_MOST_LETTERS = 300


def examined(found: Iterable[Surveyed]) -> list[Surveyed]:
    """Without the findings that are about a deploy and not about the machine."""
    return [
        replace(one, findings=tuple(f for f in one.findings if f.code not in _OF_A_DEPLOY))
        for one in found
    ]


def print_examined(found: list[Surveyed]) -> None:
    page = standard_page()
    for one in found:
        name, count = one.target.name, len(one.findings)
        if one.facts is None:
            page.line(Styled(f"{name}: not known", "red"))
            continue
        if count:
            things = f"{count} thing{'s' if count > 1 else ''} in the way"
            page.line(Styled(f"{name}: {things}", "red" if one.refused else "yellow"))
        else:
            page.line(Styled(f"{name}: nothing in the way", "green"))
        page.line(f"  {visible(_machine(one.facts)[:_MOST_LETTERS])}")
    print_findings([finding for one in found for finding in one.findings], err=True)


def _machine(facts: Facts) -> str:
    """What runs there, in a few words."""
    engine = "kernel WireGuard" if facts.kernel else "no kernel WireGuard"
    said = [f"Python {'.'.join(map(str, facts.python))}", engine]
    said.append("systemd" if facts.systemd else "no systemd")
    machine = facts.machine
    if machine is not None:
        said += [] if machine.ipv6 else ["no IPv6"]
        tunnels = [f"{name} ({kind})" for name, kind in sorted(machine.tunnels.items())]
        said += [f"other tunnels: {', '.join(tunnels)}"] if tunnels else []
    return ", ".join(said)


def examined_as_json(found: list[Surveyed]) -> str:
    findings = [finding for one in found for finding in one.findings]
    return envelope({"nodes": [_row(one) for one in found]}, findings)


def _row(one: Surveyed) -> dict[str, Any]:
    facts = one.facts
    row: dict[str, Any] = {"node": one.target.name, "known": facts is not None}
    if facts is not None:
        row |= {
            "python": ".".join(map(str, facts.python)),
            "kernel": facts.kernel,
            "systemd": facts.systemd,
            "programs": dict(facts.programs),
            "directories": [plain(facts.conf_dir), plain(facts.state_dir)],
            "machine": plain(facts.machine),
        }
    return {**row, "findings": [as_dict(finding) for finding in one.findings]}
