"""Apply a build to nodes: facts, difference, confirmation, rollback."""
