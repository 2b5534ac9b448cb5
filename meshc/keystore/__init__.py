"""Where keys live: the store, and the ring of all keys of one build."""
