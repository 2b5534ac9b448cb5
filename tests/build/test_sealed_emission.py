"""Files that only their own node can read."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from meshc.build.pipeline import BuildResult, compile_file
from meshc.errors import StateError
from meshc.keystore.age_sealing import AgeSealing
from tests.support.age_people import Person, person
from tests.support.workspaces import snapshot

_HOST = Ed25519PrivateKey.generate()
# as /etc/ssh/ssh_host_ed25519_key and .pub
HOST = Person(
    _HOST.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
    _HOST.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
)
NAS, ROUTER, OTHER = person(), person(), person()
PEOPLE = {"hub": HOST, "nas": NAS, "router": ROUTER}
TEXT = """\
meshc: 1
network: {{name: demo, addresses: [10.44.0.0/24], preshared_keys: true}}
nodes:
  hub: {{role: relay, endpoint: 198.51.100.7, recipient: "{hub}"}}
  nas: {{recipient: "{nas}"{more}}}
  router: {{platform: openwrt, recipient: "{router}"}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mesh.yaml"
    write(path)
    return path


def write(file: Path, more: str = "", **other: Person) -> None:
    people = {name: one.recipient for name, one in {**PEOPLE, **other}.items()}
    file.write_text(TEXT.format(more=more, **people))


def sealed(file: Path) -> BuildResult:
    return compile_file(file, out=file.parent / "sealed", encrypt=True)


def opened(path: Path, who: Person) -> bytes:
    return AgeSealing((), lambda: [who.identity]).open(path.read_bytes(), path)


def test_each_node_reads_its_own_files_and_nobody_elses(file: Path) -> None:
    plain = compile_file(file).out
    out = sealed(file).out
    closed = sorted(path for path in out.rglob("*.age"))
    assert [str(path.relative_to(out)) for path in closed] == [
        "hub/wg0.conf.age",
        "nas/wg0.conf.age",
        "router/wg0.conf.age",
        "router/wg0.openwrt.sh.age",
    ]
    for path in closed:
        node = path.parent.name
        same = plain / path.relative_to(out).with_suffix("")
        assert opened(path, PEOPLE[node]) == same.read_bytes()
        for name, other in PEOPLE.items():
            if name != node:
                with pytest.raises(StateError, match="none of your identities"):
                    opened(path, other)


def test_no_secret_lies_anywhere_in_the_clear(file: Path) -> None:
    out = sealed(file).out
    secrets = [path.read_bytes().strip() for path in (file.parent / "keys").glob("*.key")]
    conf = opened(out / "nas/wg0.conf.age", NAS).decode()
    secrets += [
        line.split(" = ")[1].encode() for line in conf.splitlines() if line.startswith("Preshared")
    ]
    assert len(secrets) >= 4
    for name, content in snapshot(out).items():
        assert not [one for one in secrets if one in content], name


def test_a_second_build_writes_nothing_and_a_change_only_what_it_is_about(file: Path) -> None:
    out = sealed(file).out
    before = snapshot(out)
    assert not sealed(file).changes.nodes
    assert snapshot(out) == before

    def changed() -> list[str]:
        now = snapshot(sealed(file).out)
        assert before.keys() == now.keys()
        found = [name for name in sorted(now) if now[name] != before[name]]
        before.update(now)
        return found

    write(file, nas=OTHER)
    assert changed() == ["manifest.json", "nas/wg0.conf.age", "sealed.json"]
    assert b"PrivateKey" in opened(out / "nas/wg0.conf.age", OTHER)
    write(file, ", fwmark: 7", nas=OTHER)
    assert [name for name in changed() if name.endswith(".age")] == ["nas/wg0.conf.age"]
    (out / "hub/wg0.conf.age").unlink()
    assert "hub/wg0.conf.age" in changed()
    (out / "sealed.json").write_text("[")
    sealed(file)  # what was there is set aside
    now = snapshot(out)
    assert [name for name in now if name.endswith(".age") and now[name] == before[name]] == []


def test_a_build_in_the_clear_and_one_that_is_not_take_each_others_place(file: Path) -> None:
    out = compile_file(file).out
    compile_file(file, encrypt=True)
    assert not list(out.rglob("*.conf"))
    assert len(list(out.rglob("*.age"))) == 4
    compile_file(file)
    assert not list(out.rglob("*.age"))
    assert not (out / "sealed.json").exists()


def test_a_node_that_does_not_say_whom_is_named_and_nothing_is_made(file: Path) -> None:
    file.write_text(file.read_text().replace(f'recipient: "{NAS.recipient}"', ""))
    before = snapshot(file.parent)
    with pytest.raises(StateError, match="encrypted to: nas") as refused:
        sealed(file)
    assert "ssh_host_ed25519_key.pub" in refused.value.hint
    assert snapshot(file.parent) == before


def test_a_dry_run_writes_nothing(file: Path) -> None:
    before = snapshot(file.parent)
    result = compile_file(file, encrypt=True, dry_run=True)
    assert [entry.path for entry in result.files if entry.secret] == []
    assert snapshot(file.parent) == before
