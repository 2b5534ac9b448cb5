"""Hook lines of one family: made in order, taken back whole."""

from __future__ import annotations

from meshc.render.firewall.hook_lines import family_hooks, forward_chain, nat_chain


def test_a_chain_is_jumped_to_only_when_it_is_whole() -> None:
    hooks = family_hooks(4, [forward_chain(["-j DROP"]), nat_chain(["-j MASQUERADE"])])
    chains = [line for line in hooks.post_up if line.startswith("iptables")]
    assert chains == [
        "iptables -w -N MESHC-FWD-%i",
        "iptables -w -A MESHC-FWD-%i -j DROP",
        "iptables -w -I FORWARD -j MESHC-FWD-%i",
        "iptables -w -t nat -N MESHC-NAT-%i",
        "iptables -w -t nat -A MESHC-NAT-%i -j MASQUERADE",
        "iptables -w -t nat -I POSTROUTING -j MESHC-NAT-%i",
    ]
    # the kernel forwards only once the rules stand
    assert hooks.post_up[-1].endswith("sysctl -q -w net.ipv4.ip_forward=1")


def test_what_goes_down_is_what_is_cleared_before_going_up() -> None:
    hooks = family_hooks(6, [forward_chain([]), nat_chain([])])
    assert hooks.post_down[: len(hooks.pre_up)] == hooks.pre_up
    for line in hooks.pre_up:
        assert line.count("2>/dev/null || true") == 3
        assert "ip6tables" in line
