"""Readers of outputs: each reads back the files of one program, with a parser of its own."""
