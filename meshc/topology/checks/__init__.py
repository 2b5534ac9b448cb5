"""Rules, one family a file."""
