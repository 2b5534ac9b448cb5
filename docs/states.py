"""Draws the states of a deployment into docs/deploy.md, from the table that the node decides by.

python -m docs.states
"""

from __future__ import annotations

from pathlib import Path

from meshc.deploy.protocol import State
from meshc.deploy.remote.deployment_states import TRANSITIONS

BEGIN = "<!-- states: drawn by docs/states.py -->\n"
END = "<!-- end of states -->"
FILE = Path(__file__).with_name("deploy.md")


def picture() -> str:
    """One arrow for each pair of states, with all that leads from the one to the other."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (state, event), following in TRANSITIONS.items():
        arrows.setdefault((state, following), []).append(event.value)
    lines = [f"    [*] --> {_name(State.IDLE)}"]
    for (state, following), events in arrows.items():
        lines.append(f"    {_name(state)} --> {_name(following)}: {', '.join(events)}")
    names = [f"    {_name(state)}: {state.value}" for state in State]
    return "\n".join(["```mermaid", "stateDiagram-v2", *names, *lines, "```"])


def _name(state: State) -> str:
    """Without a hyphen, which would end it."""
    return state.name.lower()


def main() -> None:
    text = FILE.read_text("utf-8")
    begin = text.index(BEGIN) + len(BEGIN)
    FILE.write_text(f"{text[:begin]}{picture()}\n{text[text.index(END, begin) :]}", "utf-8")


if __name__ == "__main__":
    main()
