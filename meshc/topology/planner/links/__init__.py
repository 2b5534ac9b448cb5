"""Which pairs of nodes talk directly, and why others do not."""
