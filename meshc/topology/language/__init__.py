"""Text to Spec: reading, schema, resolution, checks that need no graph."""
