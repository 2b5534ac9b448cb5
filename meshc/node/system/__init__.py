"""What a node's interface changes on a machine: one kind of change a file."""
