"""Events of the device as log lines: state changes only, addresses not above DEBUG."""

from __future__ import annotations

import base64
import logging

from meshc.engine.proto.events import (
    CookieReceived,
    EndpointRoamed,
    Event,
    HandshakeAbandoned,
    HandshakeCompleted,
    HandshakeInitiated,
    KeysZeroed,
    LoadChanged,
)

log = logging.getLogger("meshc.engine")


def describe(event: Event) -> None:
    """Log one event."""
    match event:
        case HandshakeInitiated(public_key, attempt):
            log.debug("peer %s: sending handshake initiation (%d)", _name(public_key), attempt + 1)
        case HandshakeCompleted(public_key, is_initiator):
            role = "initiator" if is_initiator else "responder"
            log.info("peer %s: new session, we are the %s", _name(public_key), role)
        case HandshakeAbandoned(public_key, dropped):
            log.warning(
                "peer %s: no answer to the handshake, gave up; %d packets dropped",
                _name(public_key),
                dropped,
            )
        case EndpointRoamed(public_key):
            log.info("peer %s: now at another address", _name(public_key))
            log.debug("peer %s: %s -> %s", _name(public_key), event.old, event.new)
        case KeysZeroed(public_key):
            log.debug("peer %s: keys zeroed, nothing was heard for long", _name(public_key))
        case CookieReceived(public_key):
            log.debug("peer %s: it is under load and sent a cookie", _name(public_key))
        case LoadChanged(under_load):
            if under_load:
                log.warning("under load: handshakes need a cookie")
            else:
                log.info("no longer under load")


def _name(public_key: bytes) -> str:
    """The short form that `wg`'s own logs use: the first four characters."""
    text = base64.b64encode(public_key).decode()
    return f"{text[:4]}…{text[-5:-1]}"
