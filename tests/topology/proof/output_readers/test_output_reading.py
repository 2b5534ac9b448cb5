"""What the readers of outputs have in common."""

from __future__ import annotations

from meshc.topology.proof.output_readers.output_reading import MAIN, table_name


def test_the_main_table_has_a_name_and_a_number() -> None:
    assert table_name("254") == table_name("main") == MAIN
    assert table_name("77") == "77"
