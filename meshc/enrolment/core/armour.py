"""Armour: bytes as one line of text that survives mail, chat and a QR code.

`meshc-KIND-1.` and base64url (RFC 4648 section 5) of the bytes and the first four of their SHA-256,
by which a line that was cut or mistyped is told from one that is forged. Spaces and line breaks
that came in on the way are left out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

VERSION = 1
_CHECK = 4
_LINE = re.compile(r"meshc-([a-z]{1,12})-([0-9]{1,6})\.([A-Za-z0-9_-]*)\Z", re.ASCII)


def armoured(kind: str, body: bytes) -> str:
    """The line of some bytes."""
    data = body + hashlib.sha256(body).digest()[:_CHECK]
    return f"meshc-{kind}-{VERSION}.{base64.urlsafe_b64encode(data).decode().rstrip('=')}"


def kind_of(text: str) -> str:
    """What a text is meant to be; empty for what is no line of ours."""
    found = _LINE.match(_joined(text[:64])) or re.match(r"meshc-([a-z]{1,12})-[0-9]", text.lstrip())
    return found.group(1) if found else ""


def unarmoured(kind: str, text: str, longest: int) -> bytes | str:
    """The bytes of a line, or in a few words why there are none. Never raises."""
    if len(text) > 2 * longest + 100:
        return "it is too long"
    found = _LINE.match(_joined(text))
    if found is None or found.group(1) != kind:
        return "it is not one, or not all of it"
    if int(found.group(2)) != VERSION:
        return f"it is of version {found.group(2)}, and this meshc knows {VERSION}"
    digits = found.group(3)
    try:
        data = base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4))
    except (binascii.Error, ValueError):
        return "it is not all there"
    body, check = data[:-_CHECK], data[-_CHECK:]
    if not body or hashlib.sha256(body).digest()[:_CHECK] != check:
        return "it is not all there, or not as it was written"
    return body if len(body) <= longest else "it is too long"


def _joined(text: str) -> str:
    return "".join(text.split())
