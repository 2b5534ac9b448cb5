"""What relays, routers and exits forward."""
