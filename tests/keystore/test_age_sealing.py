"""age: everybody seals, and only a recipient opens."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.keystore.age_sealing import AgeSealing
from tests.support.age_people import person, sealing

PATH = Path("keys/laptop.key.age")


def test_only_recipients_open_what_was_sealed() -> None:
    anna, ben, carl = person(), person(), person()
    sealed = sealing(anna, ben).seal(b"secret\n")
    assert b"secret" not in sealed
    for one in (anna, ben):
        assert sealing(by=[carl, one]).open(sealed, PATH) == b"secret\n"
    with pytest.raises(StateError, match="none of your identities opens keys/laptop"):
        sealing(by=[carl]).open(sealed, PATH)
    with pytest.raises(StateError, match="no identity is given"):
        sealing(anna).open(sealed, PATH)


def test_what_was_changed_on_the_way_is_not_opened() -> None:
    anna = person()
    sealed = bytearray(sealing(anna).seal(b"secret\n"))
    sealed[-1] ^= 1
    with pytest.raises(StateError):
        sealing(by=[anna]).open(bytes(sealed), PATH)
    with pytest.raises(StateError, match="is not a file of age"):
        sealing(by=[anna]).open(b"secret\n", PATH)


def test_an_ssh_key_is_an_identity(tmp_path: Path) -> None:
    key = tmp_path / "id"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "anna at work", "-f", str(key)]
    subprocess.run(make, check=True)
    recipient = key.with_suffix(".pub").read_text().strip()
    mine = AgeSealing([recipient], lambda: [key.read_text()])
    assert mine.open(mine.seal(b"secret\n"), PATH) == b"secret\n"


@pytest.mark.parametrize(
    "identity",
    ["AGE-SECRET-KEY-1SECRETSECRET", "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRETSECRET"],
)
def test_a_damaged_identity_is_not_repeated(identity: str) -> None:
    anna = person()
    mine = AgeSealing([anna.recipient], lambda: [identity])
    with pytest.raises(StateError) as caught:
        mine.open(mine.seal(b"x"), PATH)
    assert "SECRETSECRET" not in f"{caught.value!r}{caught.value.hint}{caught.value.__cause__!r}"


def test_a_recipient_that_age_does_not_take_is_named() -> None:
    with pytest.raises(StateError, match="does not take the recipient age1qqqq"):
        AgeSealing(["age1" + "q" * 58], list).seal(b"x")
