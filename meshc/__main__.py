"""`python -m meshc` is the same as `meshc`."""

from meshc.cli.process import run

run()
