"""Ways to a node: this machine or SSH, and the program that is sent there."""
