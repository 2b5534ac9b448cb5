"""The catalogue of codes: one number is one rule, and a number is never used twice.

E is an error (no output is written), W a warning, I a remark. Ranges:
1xx the file and its language, 2xx the graph, 3xx addresses, lock and keys,
4xx the proof, 5xx outputs, 6xx a node, 7xx deployment, 8xx the lab, 9xx import.
"""

from __future__ import annotations

from meshc.diagnostics.address_codes import ADDRESS_CODES
from meshc.diagnostics.code import Code, Severity
from meshc.diagnostics.deploy_codes import DEPLOY_CODES
from meshc.diagnostics.document_codes import DOCUMENT_CODES
from meshc.diagnostics.graph_codes import GRAPH_CODES
from meshc.diagnostics.lab_codes import LAB_CODES
from meshc.diagnostics.language_codes import LANGUAGE_CODES
from meshc.diagnostics.proof_codes import PROOF_CODES

__all__ = ["CODES", "Code", "Severity"]


def _catalogue(*codes: Code) -> dict[str, Code]:
    table = {code.id: code for code in codes}
    assert len(table) == len(codes), "a code is defined twice"
    numbers = {code.id[1:] for code in codes}
    assert len(numbers) == len(codes), "a number is used with two severities"
    return dict(sorted(table.items(), key=lambda item: item[0][1:]))


CODES = _catalogue(
    # --- 1xx the file and its language
    *DOCUMENT_CODES,
    *LANGUAGE_CODES,
    # --- 2xx the graph
    *GRAPH_CODES,
    # --- 3xx addresses, lock and keys
    *ADDRESS_CODES,
    Code(
        "E350",
        "private key is missing",
        "The lock file records a public key for this node, but its private key is not in `keys/`. "
        "A new one would silently cut the node off from everybody who has the old "
        "configuration, so meshc does not make one by itself. Copy `keys/` from the machine where "
        "the network was built, import the key with `meshc keys import`, or, when it is lost, make "
        "a new one with `meshc keys rotate`; then every peer of the node needs its new file.",
    ),
    Code(
        "E351",
        "private key is not the recorded one",
        "The private key in `keys/` belongs to another public key than the lock file records. "
        "One of the two was replaced by hand, or comes from another checkout. Nothing is "
        "overwritten. Put the right file back, or say that the new key is meant with `meshc keys "
        "import FILE NODE keys/NODE.key`.",
    ),
    Code(
        "E352",
        "public key is not known",
        "Somebody else keeps this node's private key, so meshc needs to be told the public one: "
        "every peer lists it. Run `wg pubkey` where the private key is, and write the result as "
        "`public_key` of the node or hand it to `meshc keys import --public`.",
    ),
    Code(
        "W353",
        "key file is readable by others",
        "Other users of this machine can read a private key, and whoever has read it can be that "
        "node. Take the right away with chmod 600; if somebody may have used it, rotate the key.",
    ),
    Code(
        "E354",
        "two nodes have the same key",
        "WireGuard knows a peer by its public key only. With one key on two nodes their peers "
        "would keep moving the session from one to the other. Give each node a key of its own.",
    ),
    Code(
        "E355",
        "key was revoked",
        "`meshc keys revoke` took this key out of the network for good, and no file may mention it "
        "again. Make a new key on the device and write its public half into the file, or remove "
        "the node.",
    ),
    Code(
        "W356",
        "private keys where git takes them",
        "The build directory lies in a git work tree, among other files, and nothing there tells "
        "git to leave the private keys out. A directory of its own gets a .gitignore from meshc; "
        "one that is somebody else's is left alone. Add the line that the message names, or build "
        "into a directory that does not exist yet.",
    ),
    Code(
        "E357",
        "given pre-shared key is missing",
        "`links: [{endpoints: [a, b], preshared_key: NAME}]` names a key that exists already, and "
        "`keys/NAME.psk` is where it lies. The other side of the link has it, so another one would "
        "cut the link: none is made. Import it with `meshc keys import FILE --psk a b`, or write "
        "`preshared_key: true` for a new one, which both sides then need.",
    ),
    Code(
        "W358",
        "secrets are encrypted to others than the file says",
        "`keys.recipients` and the record in `keys/recipients` differ: somebody was added who "
        "cannot read the secrets yet, or somebody was taken out who still can. `meshc keys "
        "encrypt` encrypts all of them again, and can be run again where it was cut short. Who "
        "could read a secret once may have kept it: when somebody leaves, rotate the keys too.",
    ),
    # --- 4xx the proof
    *PROOF_CODES,
    # --- 5xx outputs
    Code(
        "E500",
        "too large for a QR code",
        "A QR code holds 2,953 bytes at most, and a phone's camera needs fewer.",
    ),
    Code(
        "W502",
        "exceptions do not fit into a QR code",
        "AllowedIPs cannot say `all but this`: what `exit_except` leaves out turns the default "
        "route into the list of all the rest, one prefix for each bit of what is left out, so that "
        "a single IPv6 address alone costs 128 of them. The list of this phone is longer than a QR "
        "code holds. Leave out fewer or larger prefixes, or bring the file to the phone otherwise.",
    ),
    Code(
        "E510",
        "value does not fit into a wg-quick file",
        "The files of wg-quick(8) know no quoting: every line is `Key = value`, and a `#` begins a "
        "comment wherever it stands, also inside a hook command. A value with a line break would "
        "become a second line, and one with `#` would be cut off. meshc refuses such a value "
        "rather than write something else than you meant. Put a command that needs these "
        "characters into a script file on the node and call the script from the hook.",
    ),
    Code(
        "E511",
        "platform cannot fetch its private key",
        "`private_key_file` and `private_key_command` work through a PostUp line of wg-quick(8), "
        "which hands the key to wg when the interface comes up. The apps for macOS, Windows, iOS "
        "and Android have no hooks. Give only the node's `public_key`: meshc then writes a file "
        "without a PrivateKey line, and the key is entered on the device.",
    ),
    Code(
        "E512",
        "output that cannot carry the node",
        "`outputs` asks for files of a program that cannot do what the node must do: "
        "NetworkManager runs no commands, which relays, exits, routers of a LAN and kill switches "
        "need for their firewall; systemd-networkd reads a private key from a file, not from a "
        "command; neither knows a routing table by a name that only the node can look up. meshc "
        "writes no file that does less than the wg-quick file beside it.",
    ),
    # --- 6xx a node
    # --- 7xx deployment
    *DEPLOY_CODES,
    # --- 8xx the lab
    *LAB_CODES,
    # --- 9xx import
    Code(
        "E900",
        "imported file without a private key",
        "A wg-quick file is matched to its node by the public half of its PrivateKey. A file that "
        "keeps the key elsewhere (PostUp with `wg set ... private-key`) is matched by its address: "
        "the one key that files of its peers give that address to. Without one it is left out.",
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
    Code(
        "W905",
        "two pre-shared keys for one pair",
        "The two files of a pair hold different pre-shared keys, or only one of them holds one. "
        "Both sides mix the key into the handshake, so none succeeds. One of the two is kept.",
    ),
    Code(
        "W906",
        "imported file with SaveConfig",
        "With `SaveConfig = true` wg-quick writes the running state over the file when the "
        "interface goes down: endpoints become the address and port from which a packet came last, "
        "which is a mapping of somebody's NAT and not where that node listens. Comments are lost "
        "as well. Such an endpoint is taken only where the node's own file listens on its port.",
    ),
    Code(
        "W907",
        "no file says where a node is reached",
        "The node listens, its peers have no endpoint, and the files of those peers are not there: "
        "they call it, and only they know where. `NAME.invalid` stands for the endpoint, so that "
        "the rest can be built; write the real one, or import the file of one of the peers too.",
    ),
    Code(
        "W909",
        "list that works in an app only",
        "The list of prefixes is the internet without some of it, and the endpoint of a peer is "
        "not left out. With wg-quick on Linux WireGuard's own packets would follow that list into "
        "the tunnel; the apps of iOS, Android and Windows keep theirs apart. The new file says "
        "`platform: ios` so that the list stays as it is; write the platform that the node is on. "
        "On Linux, give the endpoint as an address: meshc leaves that out.",
    ),
    Code(
        "W910",
        "access rules that are not imported",
        "The file was written for a network with `policies:`; its firewall rules stand in "
        "comments. Who may reach what cannot be read back from them word for word, so that the new "
        "topology has no policies, and what is built from it lets everybody reach everybody. "
        "Import is for files whose topology is lost: where there still is one, build from that.",
    ),
)
