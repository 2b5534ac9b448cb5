"""How commands show their results: tables, matrices, progress."""
