"""What a node's interface changes on a machine: one kind of change a file, and the two ways there
(rtnetlink, background processes)."""
