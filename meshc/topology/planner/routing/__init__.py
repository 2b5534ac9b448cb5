"""Unique shortest paths through relays."""
