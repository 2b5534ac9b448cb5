"""Rules about what is written, one family a file."""
