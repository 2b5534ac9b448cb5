"""The keys of the language, their kinds of values, and the JSON Schema."""
