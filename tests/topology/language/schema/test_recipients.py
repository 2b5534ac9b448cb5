"""Recipients are those that age(1) takes."""

from __future__ import annotations

import pytest

from meshc.topology.language.schema.recipients import recipient
from meshc.topology.language.schema.scalars import Mistake
from tests.support.age_people import person

SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtJ"


def test_age_and_ssh() -> None:
    made = person().recipient
    assert recipient(made) == made
    assert recipient(f"  {SSH}   anna at work ") == f"{SSH} anna at work"


@pytest.mark.parametrize(
    "wrong", ["", "age1", "age1" + "b" * 58, "anna", "ssh-dss AAAA x", "ssh-ed25519", 7, None]
)
def test_what_age_does_not_take(wrong: object) -> None:
    with pytest.raises(Mistake):
        recipient(wrong)


def test_an_identity_is_not_repeated() -> None:
    made = person().identity
    with pytest.raises(Mistake) as caught:
        recipient(made)
    assert made not in caught.value.message + caught.value.hint
