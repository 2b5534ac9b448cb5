"""The part of a deploy that runs on the node; sent there as source, it imports no other part."""
