"""What the agents decide, without a socket, a clock, a file or a random number of its own."""
