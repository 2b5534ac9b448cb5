"""The simulated internet: namespaces, cables, NATs, hosts."""
