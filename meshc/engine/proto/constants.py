"""The numbers of the protocol (whitepaper section 6.1), in its spelling; times are in seconds.

Numbers that the whitepaper leaves open follow wireguard-go's `device/constants.go`.
"""

from __future__ import annotations

from typing import Final

# whitepaper 6.1
REKEY_AFTER_MESSAGES: Final = 1 << 60
REJECT_AFTER_MESSAGES: Final = (1 << 64) - (1 << 13) - 1
REKEY_AFTER_TIME: Final = 120.0
REJECT_AFTER_TIME: Final = 180.0
REKEY_ATTEMPT_TIME: Final = 90.0
REKEY_TIMEOUT: Final = 5.0
KEEPALIVE_TIMEOUT: Final = 10.0

# whitepaper 6.1: "a random amount of time ... up to 1/3 second" (kernel: HZ / 3)
REKEY_TIMEOUT_JITTER: Final = 0.334
# how many retransmissions fit into REKEY_ATTEMPT_TIME
MAX_TIMER_HANDSHAKES: Final = int(REKEY_ATTEMPT_TIME / REKEY_TIMEOUT)
# whitepaper 6.3: ephemeral private keys and session keys are zeroed after this
ZERO_KEYS_AFTER_TIME: Final = REJECT_AFTER_TIME * 3

# whitepaper 5.4.6: "the packet is padded to a multiple of 16 bytes"
PADDING_MULTIPLE: Final = 16

# whitepaper 5.4.7: a cookie secret, and a cookie, live two minutes
COOKIE_REFRESH_TIME: Final = 120.0

# RFC 6479 window, in messages; wireguard-go and the kernel keep about 8 000 as well
REPLAY_WINDOW: Final = 8192

# one initiation a peer and 20 ms at most (wireguard-go HandshakeInitationRate = 1/50 s)
HANDSHAKE_INITIATION_RATE: Final = 1 / 50

# a prefix that has been given to another peer: what its old one has sent before may still come in;
# an agent has both ends of a pair move within a second and a half of each other
MOVE_GRACE: Final = 3.0

# packets that wait for a session, per peer (kernel MAX_STAGED_PACKETS is 128)
MAX_STAGED_PACKETS: Final = 128

NOISE_CONSTRUCTION: Final = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
WG_IDENTIFIER: Final = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
LABEL_MAC1: Final = b"mac1----"
LABEL_COOKIE: Final = b"cookie--"
