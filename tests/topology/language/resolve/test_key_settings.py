"""The section `keys`: where the network's secrets are kept, and who can read them."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import KeysSpec

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: [10.44.0.0/24]}\nnodes: {a: {}}\n"
AGE = "age1u6dyqsrjd6dmqspddgnznl9vz70pyxum32zfjvvmxcm6dvdhqqnsttx9cp"
SSH = "ssh-ed25519  AAAAC3NzaC1lZDI1NTE5AAAAIGtJ  anna at work"


def read(keys: str) -> KeysSpec:
    spec = load_spec(f"{HEAD}{keys}", file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    return spec.keys


def test_without_the_section_they_lie_in_the_clear() -> None:
    assert read("") == read("keys: {store: plain}") == KeysSpec("plain", ())
    assert read("keys:\n") == KeysSpec("plain", ())


def test_recipients_count_once_in_the_order_of_the_file() -> None:
    found = read(f"keys: {{store: age, recipients: ['{SSH}', {AGE}, {AGE}]}}")
    assert found == KeysSpec("age", (" ".join(SSH.split()), AGE))


def test_other_programs_keep_them() -> None:
    assert read("keys: {store: command}").store == "command"
