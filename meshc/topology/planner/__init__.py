"""Spec to MeshPlan: links, routing, addresses, AllowedIPs, forwarding, MTU."""
