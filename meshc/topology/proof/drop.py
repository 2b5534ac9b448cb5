"""The drop of a packet, and why: one reason is one way for WireGuard or Linux to lose it."""

from __future__ import annotations

from enum import Enum

from meshc.values import dataclass


class LossReason(Enum):
    """The values are the sentence that follows `phone → home-server: `."""

    NO_ADDRESS = "{at} has no IPv{family} address"
    NO_ROUTE = "{at} has no route into the tunnel for {target}"
    NO_PEER = "{at} drops it: no peer's AllowedIPs cover {target}"
    OWN_LAN = "{at} sends it to its own LAN {detail}, not into the tunnel"
    UNKNOWN_KEY = "{at} drops it: no node has the public key that it lists for {other}"
    OWN_KEY = "{at} drops it: it lists its own public key as peer {other}"
    NOT_LISTED = "{other} does not answer {at}: it has no peer with {at}'s public key"
    PRESHARED_KEY = "{at} and {other} have different pre-shared keys"
    NO_ENDPOINT = (
        "{at} and {other} cannot shake hands: neither has an endpoint that reaches the other"
    )
    ASLEEP = (
        "{at} cannot start a session with {other}, "
        "and {other} keeps none alive (no PersistentKeepalive)"
    )
    SOURCE_OF_PEER = "{at} drops it: source {source} belongs to peer {other}"
    SOURCE_OF_NOBODY = "{at} drops it: source {source} belongs to no peer"
    NO_FORWARDING = "{at} drops it: IPv{family} forwarding is off"
    NOT_A_RELAY = "{at} drops it: it does not forward for others"
    NO_RULE = "{at} drops it: none of its rules forwards it {detail}"
    RULE = "{at} drops it: its rule `{detail}`"
    NO_MASQUERADE = (
        "{at} lets it out without masquerading {source}, so that no answer finds the way back"
    )
    UNJUDGED = "not judged: what `{detail}` at {at} does to it is beyond the proof"
    NO_UPLINK = "{at} drops it: it does not speak IPv{family} to the internet"
    LOOP = "it comes back to {at}: {detail}"


# Two sides of one fault: neither is more to blame, so that a finding names them in one order.
MUTUAL = frozenset({LossReason.PRESHARED_KEY, LossReason.NO_ENDPOINT})


@dataclass(frozen=True, slots=True)
class Drop:
    """The end of a packet: where (`at`), why, and who else is involved (`other`)."""

    reason: LossReason
    at: str
    other: str = ""
    detail: str = ""
    source: str = ""
    target: str = ""
    family: int = 4

    @property
    def text(self) -> str:
        return self.reason.value.format(
            at=self.at,
            other=self.other,
            detail=self.detail,
            source=self.source,
            target=self.target,
            family=self.family,
        )

    @property
    def cause(self) -> tuple[str, ...]:
        """Equal for packets that are lost for the same fault in the same place."""
        if self.reason in MUTUAL:
            return (self.reason.name, *sorted((self.at, self.other)))
        if self.reason in (LossReason.NO_FORWARDING, LossReason.NO_UPLINK):
            return (self.reason.name, self.at, str(self.family))
        if self.reason in (LossReason.NO_RULE, LossReason.RULE, LossReason.UNJUDGED):
            return (self.reason.name, self.at, self.detail)
        if self.reason is LossReason.LOOP:
            return (self.reason.name, *sorted(set(self.detail.split(" → "))))
        return (self.reason.name, self.at, self.other)
