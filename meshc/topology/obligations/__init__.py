"""The obligations of a network: what must hold, made from the topology alone.

Checks, proof, `tests:` and lab answer to this one list.
"""
