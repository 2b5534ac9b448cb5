"""How fast the compiler is: beside wg-meshconf on the same full mesh, and alone at scale.

    python benchmarks/compile.py            # everything, about ten minutes
    python benchmarks/compile.py paired     # only the pair
    python benchmarks/compile.py scale      # only the large networks
    python benchmarks/compile.py growth     # shapes that grow badly, three sizes each
    python benchmarks/compile.py policies   # 1,000 nodes with 200 rules, beside none
    python benchmarks/compile.py quick      # `--help` and `validate`

Every run of meshc starts from nothing: it makes the keys, allocates, writes every file and proves
all pairs. wg-meshconf gets its keys ready made. Runs of the two are interleaved, because machines
drift; the figure to quote is the ratio of the medians. Memory is the peak of the whole process
tree, proportional set size, sampled every 20 ms in one more run: looking costs the processes that
are looked at some of their time.

Files are written to memory (/dev/shm) where there is such a place, so that the programs are
compared and not what a disk had to do before; `--on DIRECTORY` takes another. There, what a run
wrote is deleted after the last one only: ext4 looks at every inode that was freed in the last five
minutes before it gives out a new one (`recently_deleted`), and a run behind a clean-up would pay
for the clean-up.
"""

from __future__ import annotations

import argparse
import atexit
import csv
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

MESHCONF = "wg-meshconf==2.5.1"
ROOT = Path(__file__).resolve().parent.parent
MEMORY = Path("/dev/shm")
places = [MEMORY]
# as it was installed, like the other program
MESHC = [str(Path(sys.executable).with_name("meshc"))]


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds, peak memory in MiB where that was watched, and the bytes
    of the files that a build wrote."""

    seconds: float
    mib: float | None = None
    written: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=("all", "paired", "scale", "growth", "policies", "quick"),
        default="all",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=300, help="of the paired full mesh")
    parser.add_argument("--on", type=Path, help="where to write (default: /dev/shm, else TMPDIR)")
    options = parser.parse_args()
    if options.on is not None:
        places.insert(0, options.on)
    warm_up()
    if options.what in ("all", "quick"):
        quick(options.rounds)
    if options.what in ("all", "paired"):
        paired(options.nodes, options.rounds)
    if options.what in ("all", "scale"):
        scale(max(1, options.rounds // 2))
    if options.what in ("all", "growth"):
        growth(max(1, options.rounds // 2))
    if options.what in ("all", "policies"):
        policies(max(1, options.rounds // 2))


@cache
def scratch() -> Path:
    """Holds everything until the benchmark ends."""
    place = next((one for one in places if os.access(one, os.W_OK)), None)
    folder = tempfile.mkdtemp(prefix="meshc-benchmark-", dir=place)
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


@contextmanager
def new_folder() -> Iterator[Path]:
    """For one run. In memory it goes afterwards: that costs nothing, and there is less room."""
    folder = Path(tempfile.mkdtemp(dir=scratch()))
    yield folder
    if MEMORY in folder.parents:
        shutil.rmtree(folder)


def warm_up() -> None:
    """One build that nobody counts: it leaves the byte code of every module behind."""
    build(star(5))


def quick(rounds: int) -> None:
    """Commands that people run without thinking."""
    file = scratch() / "mesh.yaml"
    file.write_text(full_mesh(1000))
    folder = scratch()
    runs = {
        "meshc --help": [*MESHC, "--help"],
        "meshc validate, 1,000 nodes": [*MESHC, "validate", str(file)],
    }
    print(f"\n{'command':34} {'median s':>9} {'peak MiB':>9}")
    for name, command in runs.items():
        show(name, [run(command, folder) for _ in range(rounds)], run(command, folder, watch=True))


def paired(nodes: int, rounds: int) -> None:
    """The same full mesh by both, interleaved; without pre-shared keys, which wg-meshconf lacks."""
    other = meshconf()
    text = full_mesh(nodes, preshared_keys=False)

    def its(*, watch: bool = False) -> Run:
        with new_folder() as folder:
            database(Path(folder, "database.csv"), nodes)
            return run([str(other), "genconfig"], folder, watch=watch)

    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(rounds):
        ours.append(build(text))
        theirs.append(its())
    print(f"\nfull mesh of {nodes} nodes, {nodes * (nodes - 1):,} peer sections, {rounds} rounds")
    print(f"{'':34} {'median s':>9} {'peak MiB':>9}")
    show("meshc build (keys, proof)", ours, build(text, watch=True))
    show(f"{MESHCONF.replace('==', ' ')} genconfig", theirs, its(watch=True))
    ratio = median(theirs) / median(ours)
    pairs = sorted(t.seconds / o.seconds for o, t in zip(ours, theirs, strict=True))
    print(f"meshc is {ratio:.1f} times as fast (pair by pair: {pairs[0]:.1f} to {pairs[-1]:.1f})")


def scale(rounds: int) -> None:
    """Cost from 100 to 10,000 nodes, two shapes."""
    cases: list[tuple[str, Callable[[], str]]] = [
        *((f"full mesh, {n:,} nodes", lambda n=n: full_mesh(n)) for n in (100, 300, 1000)),
        *((f"3 relays, {n:,} leaves", lambda n=n: star(n)) for n in (100, 300, 1000, 3000, 10000)),
    ]
    print(f"\n{'meshc build from nothing':34} {'median s':>9} {'peak MiB':>9}")
    for name, text in cases:
        show(name, [build(text()) for _ in range(rounds)], build(text(), watch=True))


def growth(rounds: int) -> None:
    """How cost grows with size in the shapes that people drew and that took long. The exponents are
    those of the time between the smallest and the largest: by the number of nodes, and by the bytes
    of the files, which most of these shapes have the square of nodes of. 1 is linear."""
    shapes: list[tuple[str, Callable[[int], str], tuple[int, int, int]]] = [
        ("routers with two LANs", routers, (200, 400, 800)),
        ("leaves on 3 of 30 relays", choosy, (1000, 2000, 4000)),
        ("leaves with a via of their own", ordered, (300, 600, 1200)),
        ("full mesh", full_mesh, (500, 1000, 2000)),
        ("leaves, tests to 20 LANs", tested, (100, 200, 400)),
    ]
    head = f"{'nodes':>18} {'median s':>24} {'MB':>16} {'by nodes':>9} {'by bytes':>9}"
    print(f"\n{'meshc build from nothing':34} {head}")
    for name, shape, sizes in shapes:
        runs = [[build(shape(n)) for _ in range(rounds)] for n in sizes]
        times, written = [median(some) for some in runs], [some[0].written for some in runs]
        slower = math.log(times[-1] / times[0])
        nodes = " ".join(f"{n:5,}" for n in sizes)
        seconds = " ".join(f"{t:7.2f}" for t in times)
        size = " ".join(f"{n / 1e6:4.0f}" for n in written)
        by_nodes, by_bytes = (slower / math.log(some[-1] / some[0]) for some in (sizes, written))
        print(
            f"{name:34} {nodes:>18} {seconds:>24} {size:>16} {by_nodes:9.2f} {by_bytes:9.2f}",
            flush=True,
        )


def policies(rounds: int) -> None:
    """What rules between groups cost; run by turns with the same network without them."""
    print(f"\n{'meshc build from nothing':34} {'without':>9} {'with':>9} {'times':>9}")
    for nodes, rules in ((100, 20), (1000, 200)):
        pairs = [(build(ruled(nodes, 0)), build(ruled(nodes, rules))) for _ in range(rounds)]
        free, held = (median([pair[side] for pair in pairs]) for side in (0, 1))
        name = f"{nodes:,} nodes, {rules} rules"
        print(f"{name:34} {free:9.2f} {held:9.2f} {held / free:9.2f}", flush=True)


def ruled(nodes: int, rules: int) -> str:
    """Three relays, leaves in groups of twenty, and rules from group to group; none for 0."""
    rng = random.Random(1)
    leaves = [f"leaf{i:05}" for i in range(nodes - 3)]
    groups = {f"g{i}": leaves[i * 20 : i * 20 + 20] for i in range(-(-len(leaves) // 20))}
    lines = ["meshc: 1", "network: {name: bench, addresses: 10.0.0.0/16}", "nodes:"]
    lines += [f"  relay{i}: {{role: relay, endpoint: relay{i}.example-vpn.dev}}" for i in range(3)]
    lines += [f"  {leaf}: {{}}" for leaf in leaves]
    lines += ["groups:", *(f"  {name}: [{', '.join(some)}]" for name, some in groups.items())]
    lines += ["policies:"] if rules else []
    for _ in range(rules):
        one, other = rng.choice([*groups]), rng.choice([*groups])
        lines.append(f"  - {{from: {one}, to: {other}, allow: tcp/{rng.randint(1, 9000)}}}")
    return "\n".join(lines) + "\n"


def build(text: str, *, watch: bool = False) -> Run:
    """From nothing."""
    with new_folder() as folder:
        Path(folder, "mesh.yaml").write_text(text)
        done = run([*MESHC, "build", "mesh.yaml"], folder, watch=watch)
        files = Path(folder, "build").rglob("*")
        return replace(done, written=sum(file.stat().st_size for file in files if file.is_file()))


def full_mesh(nodes: int, *, preshared_keys: bool = True) -> str:
    """Every node public: every pair has a link."""
    lines = ["meshc: 1", "network:", "  name: bench", "  addresses: 10.44.0.0/16"]
    lines += [f"  preshared_keys: {'true' if preshared_keys else 'false'}", "nodes:"]
    lines += [f"  node{i:05}: {{endpoint: node{i:05}.example-vpn.dev}}" for i in range(nodes)]
    return "\n".join(lines) + "\n"


def star(leaves: int) -> str:
    """Three relays and leaves behind symmetric NATs, a third of them at home at each relay."""
    lines = ["meshc: 1", 'network: {name: bench, addresses: [10.0.0.0/12, "fd44::/64"]}', "nodes:"]
    lines += [f"  relay{i}: {{role: relay, endpoint: relay{i}.example-vpn.dev}}" for i in range(3)]
    lines += [f"  leaf{i:05}: {{nat: symmetric, via: [relay{i % 3}]}}" for i in range(leaves)]
    return "\n".join(lines) + "\n"


def hubs(count: int) -> list[str]:
    """The head of a file, and so many relays."""
    lines = ["meshc: 1", 'network: {name: bench, addresses: [10.0.0.0/12, "fd44::/64"]}', "nodes:"]
    return lines + [
        f"  relay{i:02}: {{role: relay, endpoint: relay{i:02}.example-vpn.dev}}"
        for i in range(count)
    ]


def routers(count: int) -> str:
    """Each with two LANs, which everybody may reach."""
    lines = hubs(2)
    for i in range(count):
        lans = f"172.{16 + i // 256}.{i % 256}.0/24, 192.168.{i % 256}.{i // 256 * 16}/28"
        lines.append(f"  router{i:05}: {{nat: symmetric, routes: [{lans}]}}")
    return "\n".join(lines) + "\n"


def choosy(count: int) -> str:
    """Leaves with links to three relays of thirty, other three for each."""
    lines, dice = hubs(30), random.Random(1)
    for i in range(count):
        relays = ", ".join(f"relay{j:02}" for j in sorted(dice.sample(range(30), 3)))
        lines.append(f"  leaf{i:05}: {{nat: symmetric, direct: [{relays}]}}")
    return "\n".join(lines) + "\n"


def ordered(count: int) -> str:
    """Leaves with links to ten relays, each with an order of preference of its own."""
    lines, dice = hubs(10), random.Random(1)
    for i in range(count):
        relays = ", ".join(f"relay{j:02}" for j in dice.sample(range(10), 10))
        lines.append(f"  leaf{i:05}: {{nat: symmetric, via: [{relays}]}}")
    return "\n".join(lines) + "\n"


def tested(count: int) -> str:
    """Leaves that a test sends to an address in each of twenty LANs."""
    lines = hubs(2)
    lines += [f"  router{i:02}: {{nat: symmetric, routes: [172.16.{i}.0/24]}}" for i in range(20)]
    lines += [f"  leaf{i:05}: {{nat: symmetric}}" for i in range(count)]
    lines += [f"groups: {{leaves: [{', '.join(f'leaf{i:05}' for i in range(count))}]}}"]
    lans = ", ".join(f"172.16.{i}.7" for i in range(20))
    return "\n".join(lines) + f"\ntests: [{{from: leaves, to: [{lans}]}}]\n"


def database(file: Path, nodes: int) -> None:
    """The same full mesh as wg-meshconf keeps it, keys included."""
    sys.path.insert(0, str(ROOT))
    from meshc.keys import PrivateKey

    columns = ["Name", "Address", "Endpoint", "AllowedIPs", "ListenPort", "PersistentKeepalive"]
    columns += ["FwMark", "PrivateKey", "DNS", "MTU", "Table", "PreUp", "PostUp", "PreDown"]
    columns += ["PostDown", "SaveConfig"]
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        for i in range(nodes):
            writer.writerow(
                {
                    "Name": f"node{i:05}",
                    "Address": f"10.44.{i // 250}.{i % 250 + 1}/32",
                    "Endpoint": f"node{i:05}.example-vpn.dev",
                    "ListenPort": "51820",
                    "PrivateKey": PrivateKey.generate().reveal(),
                }
            )


def meshconf() -> Path:
    """wg-meshconf in an environment of its own, made once."""
    home = ROOT / ".cache" / "wg-meshconf"
    program = home / "bin" / "wg-meshconf"
    if not program.exists():
        venv.create(home, with_pip=True, clear=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", MESHCONF]
        subprocess.run(pip, check=True)
    return program


def run(command: list[str], folder: Path, *, watch: bool = False) -> Run:
    """Runs to the end and measures, memory when told to `watch`.

    Raises: SystemExit with its output when it fails.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    # without it every start compiles meshc anew, which an installed program does not
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile() as log:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        peak = Peak(process.pid) if watch else None
        code = process.wait()
        seconds = time.perf_counter() - begin
        mib = peak.stop() if peak else None
        if code:
            log.seek(0)
            raise SystemExit(f"{command} ended with {code}:\n{log.read().decode()[-2000:]}")
    return Run(seconds, mib)


class Peak(threading.Thread):
    """Samples the memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.most, self.done = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.done.wait(0.02):
            self.most = max(self.most, sum(pss(pid) for pid in tree(self.pid)))

    def stop(self) -> float:
        self.done.set()
        self.join()
        return self.most / 1024


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(p for child in children for p in tree(int(child)))]


def pss(pid: int) -> int:
    """Proportional set size in KiB; 0 when the process is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def median(runs: list[Run]) -> float:
    return statistics.median(r.seconds for r in runs)


def show(name: str, runs: list[Run], watched: Run) -> None:
    print(f"{name:34} {median(runs):9.2f} {watched.mib or 0:9.0f}", flush=True)


if __name__ == "__main__":
    main()
