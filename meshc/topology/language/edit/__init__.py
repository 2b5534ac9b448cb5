"""Changes to the text of a topology that leave everything else in it as it was."""
