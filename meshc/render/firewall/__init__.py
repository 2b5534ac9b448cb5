"""Forwarding rules as text: one dialect a file."""
