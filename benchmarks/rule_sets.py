"""How long a node takes to load large sets of rules, by the hook line that its file has.

    sudo python benchmarks/rule_sets.py            # 1,000, 10,000 and 100,000 elements
    sudo python benchmarks/rule_sets.py 50000

The rules stand in comments of a file, as `meshc build` writes them for `firewall: nftables`; the
line is run as wg-quick(8) does, in a network namespace that is gone afterwards. Printed are seconds
by the clock and of the processor: on a machine that does other things as well the second counts.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from meshc.prefixes import Prefix
from meshc.render.firewall.loading import loading_hooks
from meshc.topology.language.spec import FirewallTool, Service
from meshc.topology.planner.policy.flow_rules import AccessRow, AccessRules, FamilyRules, Grant


def main(counts: list[int]) -> None:
    print(f"{'elements':>9} {'clock s':>9} {'processor s':>12} {'file MiB':>9}")
    for count in counts:
        load(count)


def load(count: int) -> None:
    targets = tuple(Prefix(4, 0x0A000000 + n, 32) for n in range(count))
    # a span of ports makes it a set of intervals, which costs more
    grant = Grant(targets, (Service("tcp", 443, 444),))
    row = AccessRow((Prefix.parse("172.16.0.1"),), (grant,))
    access = AccessRules(inbound=targets[:1], rows=(row,))
    rules = FamilyRules(4, (), access=access, forwards=False)
    hooks = loading_hooks((rules,), FirewallTool.NFTABLES)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bench0.conf")
        file.write_text("".join(f"{line}\n" for line in ("[Interface]", *hooks.comments)))
        line = " && ".join(one.replace("%i", "bench0") for one in hooks.pre_up[-2:])
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            ["unshare", "--net", "bash", "-e", "-o", "pipefail", "-c", line],
            env={**os.environ, "CONFIG_FILE": str(file)},
            check=True,
        )
        clock = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = sum(getattr(after, f) - getattr(before, f) for f in ("ru_utime", "ru_stime"))
        print(f"{count:9,} {clock:9.2f} {spent:12.2f} {file.stat().st_size / 2**20:9.1f}")


if __name__ == "__main__":
    main([*map(int, sys.argv[1:])] or [1_000, 10_000, 100_000])
