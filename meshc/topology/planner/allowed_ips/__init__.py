"""AllowedIPs: which prefixes each peer of each node gets."""
