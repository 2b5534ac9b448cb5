"""The files of outputs in the hands of the programs that they are for.

    python benchmarks/output_consumers.py

    nmcli --offline (Debian: network-manager)     reads the keyfile and writes it again
    cloud-init schema (Debian: cloud-init)        accepts the user data
    nix-instantiate (Debian: nix-bin)             evaluates the module
    check-jsonschema (PyPI)                       accepts the compose file by its specification
    kubernetes-validate (PyPI)                    accepts the manifest by the schema of the API

A program that is not on the PATH is named and passed over, since some of them would change the
machine that they are installed on; systemd-networkd is in the tests. It fails when one refuses.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def said(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def keyfile(file: Path) -> None:
    """What NetworkManager writes again means the same to the proof."""
    from meshc.topology.proof.output_readers.keyfile import read_keyfile

    written = said("nmcli", "--offline", "connection", "modify", text=file.read_text())
    first, again = (read_keyfile({file.name: text}) for text in (file.read_text(), written))
    places = {peer.public_key: peer.line for peer in first.conf.peers}
    peers = tuple(peer._replace(line=places[peer.public_key]) for peer in again.conf.peers)
    assert replace(again, conf=replace(again.conf, peers=peers)) == first, written


def user_data(file: Path) -> None:
    assert "Valid" in said("cloud-init", "schema", "--config-file", str(file))


def module(file: Path) -> None:
    packages = "iproute2 iptables nftables procps gnugrep gnused coreutils"
    given = "".join(f'{name} = "{name}"; ' for name in packages.split())
    expression = f"(import {file}) {{ pkgs = {{ {given}}}; }}"
    found = json.loads(
        said("nix-instantiate", "--eval", "--strict", "--json", "--expr", expression)
    )
    place = found["networking"]["wg-quick"]["interfaces"]["wg0"]["configFile"]
    assert place == "/etc/wireguard/wg0.conf", place
    flake = f"((import {file.parent}/flake.nix).outputs {{ self = null; }}).nixosModules.default"
    found_module = said("nix-instantiate", "--eval", "--expr", flake).strip()
    assert found_module == str(file), found_module


def compose(file: Path) -> None:
    said("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(file))


def manifest(file: Path) -> None:
    said("kubernetes-validate", "--strict", str(file))


CONSUMERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "networkmanager/*.nmconnection": ("nmcli", keyfile),
    "cloud-init*/user-data.yaml": ("cloud-init", user_data),
    "nixos/wg0.nix": ("nix-instantiate", module),
    "compose/compose.yaml": ("check-jsonschema", compose),
    "kubernetes/manifest.yaml": ("kubernetes-validate", manifest),
}


def main() -> None:
    from tests.support.outputs import BuiltOutputs

    failed = False
    with tempfile.TemporaryDirectory() as place:
        build = BuiltOutputs(Path(place)).build
        for pattern, (program, consume) in CONSUMERS.items():
            files = sorted(build.glob(f"*/{pattern}"))
            assert files, pattern
            if shutil.which(program) is None:
                print(f"{program}: not here, {len(files)} files not tried")
                continue
            for file in files:
                try:
                    consume(file)
                    print(f"{program}: takes {file.relative_to(build)}")
                except AssertionError as error:
                    failed = True
                    print(f"{program}: refuses {file.relative_to(build)}\n{error}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
