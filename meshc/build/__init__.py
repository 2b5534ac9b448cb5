"""One topology file to a proven build directory."""
