"""Measurements inside a lab: pings, TCP, paths, sizes, leaks, failures, recoveries."""
