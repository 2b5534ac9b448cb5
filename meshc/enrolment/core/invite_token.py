"""An invitation's token: what is given to the new machine, by hand, mail or QR code.

It holds the secret of the invitation, and no key of the network: who has it can ask, once, and is
looked at before anything is granted.
"""

from __future__ import annotations

from meshc.enrolment.core.armour import armoured, unarmoured
from meshc.enrolment.core.enrolment_keys import SECRET_LENGTH, EnrolmentKeys
from meshc.enrolment.core.told_fields import packed, told_fields
from meshc.keys import PublicKey
from meshc.secret import SecretBytes
from meshc.values import dataclass

KIND = "invite"
LONGEST = 1024


@dataclass(frozen=True, slots=True)
class DoorPlace:
    """Where a relay opens a door for who holds the token: a UDP port, and the key that answers;
    `callers` is how many throw-away keys may knock there."""

    host: str
    port: int
    public_key: PublicKey
    callers: int


@dataclass(frozen=True, slots=True)
class InviteToken:
    """`name` is that of the node (of a group, for several), `expires` in seconds since 1970; the
    controller goes by its own record of both. `controller` is the public half of a key made for
    this invitation: by it the machine knows the answer."""

    secret: SecretBytes
    name: str
    network: str
    interface: str
    expires: int
    controller: PublicKey
    door: DoorPlace | None = None

    def keys(self) -> EnrolmentKeys:
        return EnrolmentKeys(self.secret)

    def reveal(self) -> str:
        """The line to hand over."""
        fields: dict[str, object] = {
            "s": self.secret.reveal().hex(),
            "n": self.name,
            "w": self.network,
            "i": self.interface,
            "x": self.expires,
            "k": self.controller,
        }
        if self.door is not None:
            door = self.door
            fields["d"] = {
                "h": door.host,
                "p": door.port,
                "k": door.public_key,
                "c": door.callers,
            }
        return armoured(KIND, packed(fields))


def read_token(text: str) -> InviteToken | str:
    """The token of a line, or in a few words why it is none."""
    body = unarmoured(KIND, text, LONGEST)
    if isinstance(body, str):
        return body
    fields = told_fields(body)
    if fields is None:
        return "it is not as meshc writes one"
    try:
        secret = bytes.fromhex(fields.text("s"))
    except ValueError:
        secret = b""
    place = fields.inner("d")
    door = None
    if place is not None:
        callers = place.number("c", 256)
        door = DoorPlace(place.text("h"), place.number("p", 65535), place.key("k"), callers)
    token = InviteToken(
        SecretBytes(secret),
        fields.text("n"),
        fields.text("w"),
        fields.text("i", 15),
        fields.number("x"),
        fields.key("k"),
        door,
    )
    shut = place is not None and (place.bad or door is None or not door.callers)
    if len(secret) != SECRET_LENGTH or fields.bad or shut:
        return "it is not as meshc writes one"
    return token
