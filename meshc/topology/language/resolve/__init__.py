"""A parsed document to the Spec: precedence, names, positions."""
