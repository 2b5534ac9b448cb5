"""One machine: bring a wg-quick file up, change it while it runs, take it down, look at it.

The functions work in the network (and mount) namespace of the calling thread, so that a lab can
enter a namespace and call them; the state lives in `run_directory`, which must not be shared
between namespaces::

    outcome = meshc.node.up("build/laptop/wg0.conf", engine="wireguard-go")
    meshc.node.down("wg0")
"""

from meshc.node.interface_status import Health, Status, TunnelStatus, interfaces, status
from meshc.node.lifecycle import LifecycleOutcome, down, reload, up

__all__ = [
    "Health",
    "LifecycleOutcome",
    "Status",
    "TunnelStatus",
    "down",
    "interfaces",
    "reload",
    "status",
    "up",
]
