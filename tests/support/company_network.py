"""A company of as many nodes as wanted: three relays, sites with a LAN each, groups, and phones."""

from __future__ import annotations

from pathlib import Path

TOWNS = (
    *("berlin", "munich", "paris", "oslo", "madrid", "rome", "vienna", "prague"),
    *("lisbon", "dublin", "athens", "warsaw", "zurich", "kyiv", "riga", "tallinn"),
)
NATS = ("port_restricted", "symmetric", "restricted", "port_restricted")
KINDS = {"laptop": "staff", "desk": "staff", "printer": "things", "cam": "things", "server": "it"}
RELAYS = 3


def company(count: int, *, agents: bool = False) -> str:
    """The topology as text. With `agents`, nodes move when their relay dies."""
    towns = TOWNS[: max(4, min(len(TOWNS), count // 20))]
    nodes = {
        f"relay{k + 1}": f"role: relay, endpoint: r{k + 1}.example-vpn.dev"
        + (", exit_node: true" if k < 2 else "")
        for k in range(RELAYS)
    }
    groups: dict[str, list[str]] = {}
    for k in range(count - RELAYS):
        row, column = divmod(k, len(towns) + 1)
        name, group, keys = _member(row, towns[column] if column < len(towns) else "", column)
        nodes[name] = keys
        groups.setdefault(group, []).append(name)
    lines = [
        "meshc: 1",
        f"network: {{name: company-{count}, addresses: [10.44.0.0/16, 'fd44::/64']}}",
        *(["defaults: {agent: true}"] if agents else []),
        "sites:",
        *(
            f"  {town}: {{nat: {NATS[k % len(NATS)]}, lan: 192.168.{k + 1}.0/24}}"
            for k, town in enumerate(towns)
        ),
        "nodes:",
        *(f"  {name}: {{{keys}}}" for name, keys in nodes.items()),
        "groups:",
        *(f"  {name}: [{', '.join(members)}]" for name, members in groups.items()),
    ]
    return "\n".join(lines) + "\n"


def company_file(directory: Path, count: int, *, agents: bool = False) -> Path:
    file = directory / "mesh.yaml"
    file.write_text(company(count, agents=agents))
    return file


def _member(row: int, town: str, number: int) -> tuple[str, str, str]:
    """Name, group and keys of one node."""
    if not town:
        leaving = f", exit: relay{1 + row % 2}" if row % 3 == 0 else ""
        platform = "ios" if row % 2 else "android"
        return f"phone-{row}", "phones", f"platform: {platform}, direct: relays{leaving}"
    lan = f"192.168.{number + 1}"
    if row == 0:
        keys = f"site: {town}, lan_endpoint: {lan}.2, routes: {lan}.0/24"
        return f"gw-{town}", "gateways", keys
    kind = list(KINDS)[row % len(KINDS)]
    return f"{kind}-{town}-{row}", KINDS[kind], f"site: {town}, lan_endpoint: {lan}.{row + 10}"
