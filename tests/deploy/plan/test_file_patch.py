"""What `plan --diff` shows of a file: what changes, and of keys only that they do."""

from __future__ import annotations

from meshc.deploy.plan.file_patch import file_patch
from meshc.deploy.remote.base import redact
from meshc.keys import PresharedKey, PrivateKey

OURS, THEIRS = (PrivateKey(bytes([n] * 32)).reveal() for n in (3, 4))
SHARED = PresharedKey(bytes([5] * 32)).reveal()


def conf(private: str, mtu: int) -> str:
    text = f"[Interface]\nPrivateKey = {private}\nMTU = {mtu}\n[Peer]\npresharedkey={SHARED}\n"
    return redact(text, "salt")


def test_values_are_shown_and_keys_are_fingerprints() -> None:
    patch = file_patch(conf(OURS, 1420), conf(THEIRS, 1380), "wg0.conf")
    changed = [line for line in patch if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert {"-MTU = 1420", "+MTU = 1380"} < set(changed)
    keys = [line for line in changed if "PrivateKey" in line]
    assert len(keys) == 2
    assert all("(fingerprint " in line for line in keys)
    assert keys[0][1:] != keys[1][1:]


def test_a_key_that_stays_is_no_change() -> None:
    patch = file_patch(conf(OURS, 1420), conf(OURS, 1380), "wg0.conf")
    assert not [line for line in patch if line[:1] in "+-" and "Key" in line]


def test_no_key_and_no_hash_of_one_is_in_it_whole() -> None:
    told = "\n".join(file_patch(None, conf(OURS, 1420), "wg0.conf"))
    hashed = redact(f"PrivateKey = {OURS}", "salt").partition("= ")[2]
    assert told.startswith("--- /dev/null")
    assert [word for word in (OURS, SHARED, hashed) if word in told] == []


def test_equal_files_have_no_difference() -> None:
    assert file_patch(conf(OURS, 1420), conf(OURS, 1420), "wg0.conf") == ()
