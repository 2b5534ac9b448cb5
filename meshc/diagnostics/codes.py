"""The catalogue of codes: one number is one rule, and a number is never used twice.

E is an error (no output is written), W a warning, I a remark. Ranges:
1xx the file and its language, 2xx the graph, 3xx addresses, lock and keys,
4xx the proof, 5xx outputs, 6xx a node, 7xx deployment, 8xx the lab, 9xx import.
"""

from __future__ import annotations

from meshc.diagnostics.code import Code, Severity
from meshc.diagnostics.language_codes import LANGUAGE_CODES

__all__ = ["CODES", "Code", "Severity"]


def _catalogue(*codes: Code) -> dict[str, Code]:
    table = {code.id: code for code in codes}
    assert len(table) == len(codes), "a code is defined twice"
    numbers = {code.id[1:] for code in codes}
    assert len(numbers) == len(codes), "a number is used with two severities"
    return dict(sorted(table.items(), key=lambda item: item[0][1:]))


CODES = _catalogue(
    # --- 1xx the file and its language
    *LANGUAGE_CODES,
    # --- 2xx the graph
    Code(
        "E200",
        "pair cannot reach each other",
        "Two nodes have no direct link and no relay carries traffic between them.",
    ),
    # --- 3xx addresses, lock and keys
    Code(
        "E300",
        "address outside the pools",
        "A node's fixed address must lie inside one of network.addresses.",
    ),
    # --- 4xx the proof
    Code(
        "E400",
        "packet is lost",
        "Walking the emitted files, a packet between two nodes is dropped; the trace says where.",
    ),
    # --- 5xx outputs
    Code(
        "E500",
        "too large for a QR code",
        "A QR code holds 2,953 bytes at most, and a phone's camera needs fewer.",
    ),
    # --- 6xx a node
    # --- 7xx deployment
    # --- 8xx the lab
    # --- 9xx import
    Code(
        "E900",
        "imported file without a private key",
        "A wg-quick file is matched to its node by the public half of its PrivateKey. A file that "
        "keeps the key elsewhere (PostUp with `wg set ... private-key`) cannot be matched.",
    ),
    Code(
        "E901",
        "two imported files with one private key",
        "Two nodes with the same private key take each other's packets: the peer roams between "
        "them with every packet. Import one of the two and give the other a key of its own.",
    ),
    Code(
        "W902",
        "host bits set in an imported prefix",
        "`10.0.0.1/24` in AllowedIPs is read as `10.0.0.0/24`, with a warning from wg(8). The new "
        "files are written without host bits; nothing else changes.",
    ),
    Code(
        "W903",
        "one-sided peer",
        "One file lists a peer whose own file does not list it back. WireGuard answers only keys "
        "that it knows, so no handshake ever succeeds. The new files list both sides or neither.",
    ),
    Code(
        "W904",
        "prefix given to two peers",
        "AllowedIPs is a routing table: a prefix belongs to one peer per interface, and the last "
        "one that names it takes it away from the others without a word.",
    ),
)
