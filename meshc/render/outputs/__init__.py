"""Outputs: the tunnel of a node in the words of other programs than wg-quick(8)."""
