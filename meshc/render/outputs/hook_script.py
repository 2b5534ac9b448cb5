"""The hooks of a node as a script, for programs that have none: what wg-quick(8) runs, as it runs
it (wg-quick.bash: each line by `eval` in a shell of its own, up to the first that fails)."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.render.escape import ini, shell
from meshc.render.outputs.tunnel import Tunnel

# So that answers to WireGuard's own packets pass a strict `rp_filter`; wg-quick(8) sets it as well.
VALID_MARK = "sysctl -q net.ipv4.conf.all.src_valid_mark=1"
_SCRIPT = """\
#!/bin/bash
# What wg-quick(8) would run for {interface}.
set -e -o pipefail
shopt -s extglob
export LC_ALL=C
CONFIG_FILE=$0
run() {{ (eval "$1"); }}
up() {{
{up}
}}
down() {{
{down}
}}
case "${{1-}}" in
up) trap 'ip link set dev {interface} down' EXIT; up; trap - EXIT ;;
down) down ;;
*) echo "usage: $0 up|down" >&2; exit 2 ;;
esac
{comments}"""


def hook_script(tunnel: Tunnel) -> str:
    """Empty where wg-quick(8) would run nothing. Raises: Refused for a value with a line break."""
    hooks, interface = tunnel.hooks, tunnel.interface
    mark = (VALID_MARK,) if 4 in tunnel.own_table else ()
    if not hooks.lines and not mark:
        return ""
    link = f"ip link set dev {interface}"
    up = [*_runs((*mark, *hooks.pre_up), interface), f"{link} up", *_runs(hooks.post_up, interface)]
    # the interface may have gone already
    down = [*_runs(hooks.pre_down, interface), f"{link} down || true"]
    down += _runs(hooks.post_down, interface)
    return _SCRIPT.format(
        interface=interface,
        up="\n".join(up),
        down="\n".join(down),
        # what hooks read out of their file, which this one is for them
        comments="".join(f"{comment}\n" for comment in hooks.comments),
    )


def _runs(lines: Iterable[str], interface: str) -> list[str]:
    return [f"run {shell(ini(line).replace('%i', interface))}" for line in lines]
