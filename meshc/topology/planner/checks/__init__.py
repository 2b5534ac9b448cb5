"""Rules about the network as a whole, one family a file."""
