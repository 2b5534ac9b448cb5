"""`python -m meshc` is the same as `meshc`."""

from meshc.program import run

run()
