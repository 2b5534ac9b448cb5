"""People with an age identity each, made for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyrage

from meshc.keystore.age_sealing import AgeSealing


class Person(NamedTuple):
    identity: str
    recipient: str


def person() -> Person:
    made = pyrage.x25519.Identity.generate()
    return Person(str(made), str(made.to_public()))


def sealing(*recipients: Person, by: Sequence[Person] = ()) -> AgeSealing:
    """What `by` have, for the recipients."""
    return AgeSealing([one.recipient for one in recipients], lambda: [one.identity for one in by])
