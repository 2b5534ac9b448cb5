"""What a deploy would do: a node's facts, the difference to its files, refusals, waves."""
