"""YAML text to a parsed document that knows where everything stands."""
