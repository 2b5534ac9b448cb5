from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.prefixes import BITS, Prefix, mask


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
