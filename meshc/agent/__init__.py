"""The long-running loop on a node: what is watched while an interface is up."""
