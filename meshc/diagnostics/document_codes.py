"""The codes 100 to 129: the topology file as a document, its keys and their values."""

from __future__ import annotations

from meshc.diagnostics.code import Code

DOCUMENT_CODES = (
    Code(
        "E100",
        "not readable as YAML",
        "The file is not well-formed YAML, so that nothing else was checked. The usual causes are "
        "a missing space after a colon, lines of one mapping that start in different columns, a "
        "bracket or quote that is never closed, and IPv6 addresses without quotes. The place is "
        "where the parser gave up; the mistake is there or a little above.",
    ),
    Code(
        "E101",
        "not a text file",
        "A topology is UTF-8 text. This file holds bytes that are not UTF-8, or characters that "
        "cannot be seen (NUL, escape sequences, half of a surrogate pair), which could hide "
        "something from a reader. Save it as UTF-8 without them.",
    ),
    Code(
        "E102",
        "too large or too deep",
        "The file is larger, or its lists and mappings are nested deeper, than any topology can "
        "be. Reading stops there, so that a broken or hostile file costs no time or memory. "
        "Generated files with many nodes stay far below the limits.",
    ),
    Code(
        "E103",
        "key given twice",
        "A mapping holds the same key twice. Most YAML readers silently keep the last one, and a "
        "node that was copied and never renamed would then vanish from the network. Rename or "
        "remove one of them; the message says where the other is.",
    ),
    Code(
        "E104",
        "alias refused",
        "YAML aliases (`*name`) repeat a value that was marked by an anchor (`&name`). This one "
        "names no anchor, or contains itself, or multiplies the document beyond reason. Settings "
        "that many nodes share belong into `defaults:`, a site, or a group.",
    ),
    Code(
        "E105",
        "YAML feature outside the language",
        "Tags, several documents in one file, keys that are not plain words and merge keys "
        "(`<<`) of something else than mappings are not part of the language, because readers of "
        "YAML disagree about them. Everything they are used for has a plain way: quotes for text, "
        "`defaults:` and groups for sharing, `<<: *name` for the keys of a marked mapping.",
    ),
    Code(
        "E106",
        "unknown language version",
        "The file says for which version of the language it was written: `meshc: 1`. A version "
        "that this program does not know could mean something else, so it is not guessed. "
        "Update meshc, or correct the number.",
    ),
    Code(
        "E107",
        "file that cannot be included",
        "`include:` names further files of the same topology, relative to the file that includes "
        "them and ending in .yaml or .yml: sites, nodes, groups, links and tests come in from "
        "there, each file once. This one is not there, cannot be read, or is included already, by "
        "itself or by another.",
    ),
    Code(
        "E109",
        "file cannot be read",
        "The file does not exist, is a directory, or may not be read by this user, so that nothing "
        "was checked. Correct the name; `-` stands for standard input.",
    ),
    Code(
        "E110",
        "unknown key",
        "The key has no meaning at this place. Unknown keys are errors, because a misspelt one "
        "would otherwise be ignored in silence and the network be something else than the file "
        "seems to say. `meshc schema` prints all keys, and editors complete them from it.",
    ),
    Code(
        "E111",
        "something is missing",
        "A file needs `meshc: 1`, a `network` with a name and at least one pool of addresses, and "
        "`nodes`; a link needs its two endpoints, and a test its `from` and `to`. Add what the "
        "message names.",
    ),
    Code(
        "E112",
        "wrong kind of value",
        "The value is of another kind than the key takes: a list where one word belongs, text "
        "where a number belongs. Scalars are read as YAML 1.2 says: only true and false are "
        "truth values (yes, no, on and off are text), and quotes turn a number into text.",
    ),
    Code(
        "E113",
        "word not allowed here",
        "The key takes one of a few words, and this is none of them. The message lists them; they "
        "are written in lower case with underscores, as in `port_restricted`.",
    ),
    Code(
        "E114",
        "number out of range",
        "The number is smaller or larger than the key allows. Ports go from 1 to 65535, "
        "keepalives from 0 (off) to 65535 seconds, and an MTU from 576 to 65535 bytes.",
    ),
    Code(
        "E115",
        "not a usable name",
        "Names of nodes become directories, host names and comments, so they are made of letters, "
        "digits, `-`, `_` and `.`, begin and end with a letter or digit, and have at most 63 "
        "characters. An interface has 1 to 15 characters, as Linux and wg-quick(8) allow.",
    ),
    Code(
        "E116",
        "name taken",
        "Nodes and groups share one space of names, because `tests`, `direct` and `via` refer to "
        "both, and names that differ only in upper case would be one file on many systems. Some "
        "words have a meaning of their own (all, none, relays, direct) or are files of a build.",
    ),
    Code(
        "E117",
        "not an address or domain",
        "The text cannot be read as what belongs here: an IPv4 or IPv6 address, a prefix such as "
        "10.44.0.0/24, or a domain name. The length after the slash goes to 32 for IPv4 and to "
        "128 for IPv6. A route to the whole internet is not a route but an exit node.",
    ),
    Code(
        "E118",
        "not an endpoint",
        "An endpoint is a host name, an IPv4 address, or an IPv6 address in brackets, each with "
        "or without a port: vpn.example.com, 198.51.100.7:51820, [2001:db8::7]:51820. Without "
        "brackets nobody can tell where an IPv6 address ends and its port begins.",
    ),
    Code(
        "E119",
        "not a WireGuard key",
        "A public key is 44 characters of base64 that stand for 32 bytes, as `wg pubkey` prints "
        "it. The text in the file is something else, perhaps cut off or with a typing error. It "
        "is not repeated in messages, in case it is a private key.",
    ),
    Code(
        "E120",
        "text that breaks its line",
        "The text would not survive in a configuration file: it holds a line break or a control "
        "character (which could add a setting that nobody wrote), or a `#`, where wg-quick(8) "
        "cuts every line, even inside quotes. Put longer commands into a script and call it.",
    ),
    Code(
        "E125",
        "recipients that cannot be encrypted to",
        "`keys: {store: age, recipients: […]}` names those who may read the network's secrets: a "
        "recipient of age (`age1…`, printed by age-keygen) or an SSH public key (ssh-ed25519 or "
        "ssh-rsa). Recipients belong to `store: age`, and to no other store. An identity "
        "(`AGE-SECRET-KEY-…`) is the secret half and never stands in this file.",
    ),
)
