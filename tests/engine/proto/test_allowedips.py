from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.constants import MOVE_GRACE
from meshc.engine.testing import Network, SimulatedNode, ipv4_packet
from meshc.keys import PublicKey, encode
from meshc.prefixes import BITS, Prefix, mask
from meshc.wg.device_values import DeviceUpdate, PeerUpdate


class Oracle:
    """A list that is searched from end to end."""

    def __init__(self):
        self.entries = {}

    def lookup(self, address):
        host = Prefix(
            4 if len(address) == 4 else 6, int.from_bytes(address, "big"), len(address) * 8
        )
        holding = [prefix for prefix in self.entries if prefix.contains(host)]
        return self.entries[max(holding, key=lambda p: p.length)] if holding else None


@st.composite
def prefixes(draw):
    family = draw(st.sampled_from((4, 6)))
    length = draw(st.sampled_from((0, 1, 7, 8, 9, 24, 31, 32)))
    value = draw(st.integers(0, 15)) << (BITS[family] - 4) | draw(st.integers(0, 3))
    return Prefix(family, mask(family, value, length), length)


addresses = st.builds(
    lambda family, high, low: (high << (BITS[family] - 4) | low).to_bytes(BITS[family] // 8, "big"),
    st.sampled_from((4, 6)),
    st.integers(0, 15),
    st.integers(0, 3),
)
steps = st.one_of(
    st.tuples(st.just("insert"), prefixes(), st.sampled_from("abc")),
    st.tuples(st.just("remove"), prefixes(), st.sampled_from("abc")),
    st.tuples(st.just("remove_owner"), st.sampled_from("abc")),
    st.tuples(st.just("lookup"), addresses),
)


@given(st.lists(steps, max_size=60))
def test_answers_like_a_linear_search(sequence):
    table, oracle = AllowedIPs(), Oracle()
    for name, *arguments in sequence:
        if name == "insert":
            prefix, owner = arguments
            table.insert(prefix, owner)
            oracle.entries[prefix] = owner
        elif name == "remove":
            prefix, owner = arguments
            had = oracle.entries.get(prefix) == owner
            assert table.remove(prefix, owner) is had
            if had:
                del oracle.entries[prefix]
        elif name == "remove_owner":
            table.remove_owner(arguments[0])
            oracle.entries = {p: o for p, o in oracle.entries.items() if o != arguments[0]}
        else:
            assert table.lookup(arguments[0]) == oracle.lookup(arguments[0])
    assert dict(table) == oracle.entries
    assert len(table) == len(oracle.entries)
    for owner in "abc":
        assert table.owned(owner) == sorted(p for p, o in oracle.entries.items() if o == owner)


def test_a_prefix_moves_to_who_claims_it_last():
    table = AllowedIPs()
    prefix = Prefix.parse("10.0.0.0/24")
    address = bytes([10, 0, 0, 9])
    table.insert(prefix, "a")
    assert table.lookup(address) == "a"
    table.insert(prefix, "b")
    assert table.lookup(address) == "b"
    assert (table.owned("a"), table.owned("b")) == ([], [prefix])


def test_what_is_remembered_is_bounded():
    table = AllowedIPs()
    table.insert(Prefix.parse("0.0.0.0/0"), "a")
    for number in range(20_000):
        table.lookup(number.to_bytes(4, "big"))
    assert len(table._cache) <= 8192


ADDRESSES = tuple(
    (high << (BITS[family] - 4) | low).to_bytes(BITS[family] // 8, "big")
    for family in (4, 6)
    for high in range(16)
    for low in range(4)
)
moves = st.one_of(
    st.tuples(st.just("insert"), prefixes(), st.sampled_from("abc")),
    st.tuples(st.just("remove"), prefixes(), st.sampled_from("abc")),
    st.tuples(st.just("keep_only"), st.lists(prefixes(), max_size=2), st.sampled_from("abc")),
    st.tuples(st.just("remove_owner"), st.sampled_from("abc")),
    st.tuples(st.just("wait"), st.sampled_from((0.5, MOVE_GRACE))),
)


@given(st.lists(moves, max_size=30))
def test_who_loses_an_address_to_another_may_send_from_it_for_a_moment(sequence):
    """By a diary of every address: who has lost it last may, who has not had it lately may not."""
    table, oracle, now = AllowedIPs(), Oracle(), 100.0
    last, ever = {}, {}  # address -> (who lost it to another, when); (address, owner) -> when
    for name, *arguments in sequence:
        before = {address: oracle.lookup(address) for address in ADDRESSES}
        if name == "insert":
            prefix, owner = arguments
            table.insert(prefix, owner, now)
            oracle.entries[prefix] = owner
        elif name == "remove":
            prefix, owner = arguments
            if table.remove(prefix, owner, now):
                del oracle.entries[prefix]
        elif name == "keep_only":
            kept, owner = arguments
            table.keep_only(kept, owner, now)
            oracle.entries = {p: o for p, o in oracle.entries.items() if o != owner or p in kept}
        elif name == "remove_owner":
            (owner,) = arguments
            table.remove_owner(owner)
            oracle.entries = {p: o for p, o in oracle.entries.items() if o != owner}
            ever = {key: when for key, when in ever.items() if key[1] != owner}
        else:
            now += arguments[0]
            version, due = table.version, table.settles <= now
            table.settle(now)
            assert due == (table.version != version), "lanes hear that an answer has changed"
        for address in ADDRESSES:
            current = oracle.lookup(address)
            if before[address] != current:
                last[address] = before[address], now
                if name != "remove_owner" or before[address] != arguments[0]:
                    ever[address, before[address]] = now
            assert table.lookup(address) == current, "what is sent goes one way only"
            loser, when = last.get(address, (None, 0.0))
            for owner in "abc":
                may = table.senders(owner)(address) == owner
                assert may == (table.had(address, owner) or current == owner)
                recent = now - ever.get((address, owner), -MOVE_GRACE) < MOVE_GRACE
                if owner == current:
                    continue
                possible = recent and current is not None
                assert possible or not may
                if possible and owner == loser and when == ever[address, owner]:
                    assert may


def test_a_table_that_is_made_without_a_clock_has_no_such_moment():
    table = AllowedIPs()
    table.insert(Prefix.parse("10.0.0.1/32"), "a")
    table.insert(Prefix.parse("10.0.0.1/32"), "b")
    assert not table.had(bytes([10, 0, 0, 1]), "a")


def test_what_was_on_its_way_when_a_prefix_moved_comes_in_and_nothing_after_that():
    """At the moment of a move packets of one sender come from both peers. Who never had the prefix
    gains nothing, and neither does who is gone."""
    net = Network()
    a, b, c, d = (net.add(name, f"192.0.2.{n}") for n, name in enumerate("abcd", 1))
    for n, other in enumerate((b, c, d), 2):
        net.peer(a, other, f"10.0.0.{n}/32", endpoint=other.outside)
        net.peer(other, a, "10.0.0.1/32", endpoint=a.outside)
    packet = ipv4_packet("10.0.0.2", "10.0.0.1", b"on its way")
    prefix = Prefix.parse("10.0.0.2/32")
    net.inject(b, packet)
    net.run(1)
    key_b, key_c = (PublicKey(encode(one.public_key)) for one in (b, c))

    def configure(**change) -> None:
        a.device.configure(DeviceUpdate(peers=(PeerUpdate(**change),)), net.now)

    def delivered(*senders: SimulatedNode) -> int:
        before = len(a.delivered)
        for sender in senders:
            net.inject(sender, packet)
        net.run(0.5)
        return len(a.delivered) - before

    configure(public_key=key_c, allowed_ips=(prefix,))
    assert (delivered(b), delivered(c), delivered(d)) == (1, 1, 0)
    net.run(MOVE_GRACE)
    assert (delivered(b), delivered(c), delivered(d)) == (0, 1, 0)
    configure(public_key=key_b, allowed_ips=(prefix,))
    assert (delivered(b), delivered(c), delivered(d)) == (1, 1, 0)
    configure(public_key=key_c, remove=True)
    configure(public_key=key_c, endpoint=c.outside.endpoint)
    assert delivered(c) == 0
