"""WireGuard's own vocabulary: files, endpoints, devices."""
