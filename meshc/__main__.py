"""`python -m meshc` is the same as `meshc`."""

from meshc.cli import main

main(prog_name="meshc")
