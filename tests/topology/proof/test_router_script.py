"""Values of a script: what is wrong is told by its place, never by its text."""

from __future__ import annotations

import pytest

from meshc.errors import ConfError
from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.topology.proof.router_script import parsed


def test_a_value_that_fits_is_parsed() -> None:
    assert parsed(Prefix.parse, "10.0.0.0/8", "prefix", "a.rsc", 3) == Prefix(4, 10 << 24, 8)


def test_a_key_that_is_none_stays_out_of_the_message() -> None:
    with pytest.raises(ConfError, match=r"^a\.rsc:3: this is no private key$") as caught:
        parsed(PrivateKey.parse, "SECRET", "private key", "a.rsc", 3)
    assert "SECRET" not in str(caught.value)


def test_a_number_that_is_none_is_an_error_of_the_file() -> None:
    with pytest.raises(ConfError, match="this is no port"):
        parsed(int, "http", "port", "a.rsc", 1)
