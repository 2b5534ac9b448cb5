"""Encrypted keys of a large network: how long it takes to encrypt, read and share all of them.

    python benchmarks/keys.py --nodes 1000

Seconds of the wall, each the median of the rounds, in a directory that goes at the end.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyrage

from meshc.keys import NetworkSecret, PrivateKey
from meshc.keystore.age_sealing import AgeSealing
from meshc.keystore.key_files import KeyFiles
from meshc.keystore.resealing import reseal
from meshc.keystore.secret_sealing import CLEAR


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    people = [pyrage.x25519.Identity.generate() for _ in range(4)]
    recipients = [str(one.to_public()) for one in people]
    mine = lambda: [str(people[0])]  # noqa: E731
    three, four = AgeSealing(recipients[:3], mine), AgeSealing(recipients, mine)
    names = [f"node{number}" for number in range(options.nodes)]
    taken: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as directory:
            keys = Path(directory) / "keys"
            KeyFiles(keys, "net", CLEAR).create({name: PrivateKey.generate() for name in names})
            KeyFiles(keys, "net", CLEAR).create_secret(NetworkSecret.generate())
            store = KeyFiles(keys, "net", three)
            steps: dict[str, Callable[[], object]] = {
                "encrypt all to three": lambda k=keys: reseal(k, three, three),  # type: ignore[misc]
                "read all (a build)": lambda s=store: s.read(names),  # type: ignore[misc]
                "add a recipient": lambda k=keys: reseal(k, three, four),  # type: ignore[misc]
                "decrypt all": lambda k=keys: reseal(k, four, CLEAR),  # type: ignore[misc]
            }
            for step, work in steps.items():
                start = time.perf_counter()
                work()
                taken.setdefault(step, []).append(time.perf_counter() - start)
    for step, seconds in taken.items():
        print(f"{step:22} {statistics.median(seconds):6.2f} s")


if __name__ == "__main__":
    main()
