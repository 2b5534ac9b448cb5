"""Plans to files: one module per output, imported where it is used."""
