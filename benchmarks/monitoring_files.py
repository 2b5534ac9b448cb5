"""Whether Prometheus takes the alert rules of docs/monitoring, and every figure that they and the
dashboard name is one that meshc prints.

    apt-get install prometheus    # for promtool
    python benchmarks/monitoring_files.py
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from meshc.agent.path_metrics import path_exposition
from meshc.agent.path_status import PathStatus
from meshc.node import Health, Status, TunnelStatus
from meshc.node.status_metrics import exposition_text

DIRECTORY = Path(__file__).parent.parent / "docs" / "monitoring"
RULES, DASHBOARD = DIRECTORY / "meshc-alerts.yml", DIRECTORY / "meshc-dashboard.json"
FOREIGN = {"node_textfile_mtime_seconds"}
NAME = re.compile(r"\b(?:meshc|wireguard|node)_[a-z_]+\b")


def printed() -> set[str]:
    """The names of all samples."""
    peer = TunnelStatus("b", "K", "", 1.0, 1, 1, 25, Health.LOST, (), expected=True)
    text = exposition_text([Status("wg0", True, peers=(peer,))], now=1.0)
    leaf = PathStatus({"r": "live"}, "r", direct={"b": "direct"})
    text += path_exposition({"wg0": leaf, "wg1": PathStatus({}, leaves=("b",))})
    families = text_string_to_metric_families(text.decode())
    return {sample.name for family in families for sample in family.samples}


def queries() -> Iterator[tuple[str, str]]:
    """Every expression, with where it stands."""
    for line in RULES.read_text(encoding="utf-8").splitlines():
        if line.strip().startswith("expr:"):
            yield "alert", line.partition("expr:")[2].strip()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']!r}", target["expr"]


def unknown() -> list[str]:
    """Figures that nobody prints."""
    known = printed() | FOREIGN
    found = ((where, name) for where, text in queries() for name in NAME.findall(text))
    return [f"{where}: {name}" for where, name in found if name not in known]


def main() -> None:
    for text in unknown():
        print(text)
    tool = shutil.which("promtool")
    if tool is None:
        sys.exit("promtool is not installed: apt-get install prometheus")
    done = subprocess.run([tool, "check", "rules", str(RULES)], capture_output=True, text=True)
    print(done.stdout + done.stderr)
    rules = "".join(
        f"  - record: x{n}\n    expr: {json.dumps(q)}\n" for n, (_, q) in enumerate(queries())
    )
    whole = subprocess.run(
        [tool, "check", "rules", "/dev/stdin"],
        input=f"groups:\n- name: all\n  rules:\n{rules}",
        capture_output=True,
        text=True,
    )
    print(whole.stdout + whole.stderr)
    sys.exit(bool(done.returncode or whole.returncode or unknown()))


if __name__ == "__main__":
    main()
