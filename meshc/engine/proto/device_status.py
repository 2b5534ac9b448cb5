"""The device's status: its UAPI state, and the figures that only metrics show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshc.engine.proto.drop_reason import DropReason
from meshc.wg.device_values import DeviceState


class DeviceStatus(NamedTuple):
    """`drops` has only the reasons that happened; `roamed` counts, for each peer of the state, the
    changes of endpoint by authenticated messages."""

    state: DeviceState
    under_load: bool
    drops: Mapping[DropReason, int]
    roamed: tuple[int, ...]
