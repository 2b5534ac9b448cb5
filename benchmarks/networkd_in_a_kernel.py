"""systemd-networkd in a virtual machine whose kernel has WireGuard: five minutes, emulated.

    python benchmarks/networkd_in_a_kernel.py

The quick form is `tests/render/outputs/test_networkd_root.py`, where wireguard-go stands in for
the kernel and networkd does all but make the interface.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def main() -> None:
    from tests.node.kernel.test_kernel import missing, run_in_a_virtual_machine

    why = missing()
    if why:
        sys.exit(why)
    said = run_in_a_virtual_machine(HERE / "guest_networkd.py")
    print(said)
    sys.exit("exit:0" not in said or "passed" not in said)


if __name__ == "__main__":
    main()
