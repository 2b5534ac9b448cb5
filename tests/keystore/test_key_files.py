"""The key store: formats equal to wg's, nothing overwritten, nothing through links."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.keys import NetworkSecret, PresharedKey, PrivateKey, clamp
from meshc.keystore.key_files import KeyFiles


@pytest.fixture
def store(tmp_path: Path) -> KeyFiles:
    return KeyFiles(tmp_path / "keys", "testnet")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_kept_as_wg_genkey_prints_it(store: KeyFiles) -> None:
    key = PrivateKey.generate()
    store.create({"laptop": key})
    assert store.path("laptop").read_text() == key.reveal() + "\n"
    assert mode(store.path("laptop")) == 0o600
    assert mode(store.directory) == 0o700
    assert (store.directory / ".gitignore").read_text() == "*\n"
    assert store.read(["laptop", "phone"]).keys() == {"laptop"}
    assert store.read(["laptop"])["laptop"].key == key


@pytest.mark.skipif(not shutil.which("wg"), reason="needs wg")
def test_public_keys_equal_those_of_wg_pubkey() -> None:
    for _ in range(20):
        ours = PrivateKey.generate()
        assert ours.public_key() == _wg("pubkey", ours.reveal())
        theirs = PrivateKey.parse(_wg("genkey"))
        assert theirs.public_key() == _wg("pubkey", theirs.reveal())
        assert clamp(theirs.raw) == theirs.raw, "wg genkey clamps as we do"
        NetworkSecret.parse(_wg("genpsk"))


def _wg(command: str, text: str = "") -> str:
    done = subprocess.run(["wg", command], input=text, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_existing_key_is_never_written_over(store: KeyFiles) -> None:
    first, second = PrivateKey.generate(), PrivateKey.generate()
    assert store.create({"laptop": first}) == {"laptop": first}
    assert store.create({"laptop": second}) == {"laptop": first}
    assert store.read(["laptop"])["laptop"].key == first


def test_many_writers_at_once_agree_on_one_key_per_node(store: KeyFiles) -> None:
    names = [f"node{number}" for number in range(30)]
    results: list[dict[str, PrivateKey]] = []

    def work() -> None:
        results.append(store.create({name: PrivateKey.generate() for name in names}))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    on_disk = {name: stored.key for name, stored in store.read(names).items()}
    assert results == [on_disk] * 8
    assert [path for path in os.listdir(store.directory) if path.endswith(".tmp")] == []


def test_a_failed_write_leaves_no_key_and_no_rest(
    store: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create({"first": PrivateKey.generate()})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space"):
        store.create({"second": PrivateKey.generate(), "third": PrivateKey.generate()})
    assert sorted(os.listdir(store.directory)) == [".gitignore", "first.key"]


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "", ".", "..", ".hidden", "a\0b", "a\nb", "-rf", "x" * 300, "ä"]
)
def test_names_do_not_escape(store: KeyFiles, name: str) -> None:
    with pytest.raises(StateError):
        store.path(name)
    with pytest.raises(StateError):
        store.create({name: PrivateKey.generate()})


def test_a_link_in_place_of_a_key_is_refused(store: KeyFiles, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(PrivateKey.generate().reveal())
    store.create({"first": PrivateKey.generate()})
    store.path("laptop").symlink_to(elsewhere)
    with pytest.raises(StateError, match="cannot be read"):
        store.read(["laptop"])
    before = elsewhere.read_text()
    with pytest.raises(StateError):
        store.create({"laptop": PrivateKey.generate()})
    assert elsewhere.read_text() == before


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "keys").symlink_to(tmp_path / "real")
    with pytest.raises(StateError, match="not a directory that keys can lie in"):
        KeyFiles(tmp_path / "keys", "x").create({"laptop": PrivateKey.generate()})
    assert os.listdir(tmp_path / "real") == []


def test_a_pipe_in_place_of_a_key_does_not_block(store: KeyFiles) -> None:
    store.create({"first": PrivateKey.generate()})
    os.mkfifo(store.path("laptop"))
    with pytest.raises(StateError, match="is not a key file"):
        store.read(["laptop"])


def test_open_permissions_are_noticed(store: KeyFiles) -> None:
    store.create({"laptop": PrivateKey.generate()})
    store.path("laptop").chmod(0o644)
    assert store.read(["laptop"])["laptop"].readable_by_others
    store.path("laptop").chmod(0o666)
    with pytest.raises(StateError, match="changed by others"):
        store.read(["laptop"])
    store.path("laptop").chmod(0o600)
    store.directory.chmod(0o777)
    with pytest.raises(StateError, match="others can put files"):
        store.read(["laptop"])


def test_a_damaged_key_is_named_but_not_shown(store: KeyFiles) -> None:
    text = PrivateKey.generate().reveal()[:-3]
    store.create({"first": PrivateKey.generate()})
    store.path("laptop").write_text(text)
    store.path("laptop").chmod(0o600)
    with pytest.raises(StateError, match="does not hold a private key") as caught:
        store.read(["laptop"])
    assert text[:12] not in f"{caught.value!r} {caught.value} {caught.value.hint}"


def test_the_secret_belongs_to_one_network(store: KeyFiles) -> None:
    secret = NetworkSecret.generate()
    assert store.secret() is None
    assert store.create_secret(secret) == secret
    assert store.create_secret(NetworkSecret.generate()) == secret
    assert store.secret() == secret
    assert mode(store.directory / "network.secret") == 0o600
    with pytest.raises(StateError, match="keys of the network 'testnet', not of 'other'"):
        KeyFiles(store.directory, "other").secret()


def test_a_retired_key_is_kept_aside_and_a_destroyed_one_is_gone(store: KeyFiles) -> None:
    old, new = PrivateKey.generate(), PrivateKey.generate()
    store.create({"laptop": old, "laptop2": old})
    aside = store.retire("laptop")
    assert aside is not None
    assert aside.read_text().strip() == old.reveal()
    assert mode(aside) == 0o600
    assert store.read(["laptop"]) == {}
    store.create({"laptop": new})
    assert store.retire("laptop") != aside
    assert store.retire("laptop") is None
    store.create({"laptop": new})
    assert len(store.destroy("laptop")) == 3
    assert store.names() == ["laptop2"]
    assert os.listdir(store.directory / "retired") == []


def test_a_file_system_without_links(store: KeyFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    first, second = PrivateKey.generate(), PrivateKey.generate()
    assert store.create({"laptop": first}) == {"laptop": first}
    assert store.create({"laptop": second, "phone": second}) == {"laptop": first, "phone": second}
    assert sorted(os.listdir(store.directory)) == [".gitignore", "laptop.key", "phone.key"]


def test_what_a_killed_run_left_is_removed_later(store: KeyFiles) -> None:
    store.create({"laptop": PrivateKey.generate()})
    old, new = (store.directory / f".{digit * 16}-0.tmp" for digit in "01")
    for path in (old, new):
        path.write_text("half a key")
    os.utime(old, (1000, 1000))
    store.create({"phone": PrivateKey.generate()})
    assert not old.exists()
    assert new.exists(), "its run may be alive"


def test_a_given_pre_shared_key_is_kept_like_a_private_one_and_never_written_over(
    store: KeyFiles,
) -> None:
    one, other = PresharedKey(b"1" * 32), PresharedKey(b"2" * 32)
    assert store.create_preshared({"provider": one}) == {"provider": one}
    assert store.create_preshared({"provider": other}) == {"provider": one}
    path = store.directory / "provider.psk"
    assert path.read_text() == one.reveal() + "\n"
    assert mode(path) == 0o600
    assert store.read_preshared(["provider", "unknown"]) == {"provider": one}
    assert store.names() == []
    path.write_text("torn")
    with pytest.raises(StateError, match="does not hold a pre-shared key"):
        store.read_preshared(["provider"])
