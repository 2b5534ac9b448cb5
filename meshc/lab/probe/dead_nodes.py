"""`--kill NODE`: a node loses its network, and everybody else must fare as the proof says.

The node is cut off by dropping what goes through its own interfaces, so that nothing needs to be
brought up again afterwards; that everything recovers is checked as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from meshc.lab.lab_session import LabSession
from meshc.lab.probe import measure
from meshc.lab.probe.measure import Subject
from meshc.lab.report.lab_report import Check, claimed, compare
from meshc.lab.report.predictor import Predictor, one_way_sessions
from meshc.lab.world.router_jobs import LoadRules

CUT = """
table inet lab_cut {
  chain input { type filter hook input priority -400; policy drop; iifname "lo" accept; }
  chain output { type filter hook output priority -400; policy drop; oifname "lo" accept; }
  chain forward { type filter hook forward priority -400; policy drop; }
}
"""
HEAL = "delete table inet lab_cut\n"


def check_failure(
    session: LabSession,
    subject: Subject,
    name: str,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Check]:
    """Cuts one node off, measures the others, brings it back, and waits until all is well.

    Raises: NodeError when there is no such node.
    """
    before = Predictor.of(session.source)
    without = Predictor.of(session.source, without=[name])
    expected = {**without.pairs(), **without.lans(session.world.lan_hosts)}
    whole = {**before.pairs(), **before.lans(session.world.lan_hosts)}
    expected = {key: value for key, value in claimed(expected).items() if name not in key}
    tell(f"without {name}")
    session.lab.call(name, LoadRules(CUT))
    hopeful = [key for key, value in expected.items() if value.reachable]
    lost = [key for key, value in expected.items() if not value.reachable]
    found = measure.reachability(session.lab, subject, hopeful, lost)
    wrong = [cell for cell in compare(expected, found) if not cell.ok]
    detail = "; ".join(f"{c.key.source} → {c.key.target}: {c.problems[0]}" for c in wrong[:5])
    died = sum(whole[key].reachable for key in lost if key in whole)
    title = f"without {name}: {died} of {len(expected)} pairs are lost, as proven"
    checks = [Check("failure", title, not wrong, detail)]
    tell(f"{name} is back")
    session.lab.call(name, LoadRules(HEAL))
    begun = time.monotonic()
    again = [key for key, value in whole.items() if value.reachable]
    healed = measure.reachability(
        session.lab,
        subject,
        again,
        (),
        first=one_way_sessions(whole),
        patience=60 + subject.patience.session,
    )
    seconds = round(time.monotonic() - begun, 1)
    still = [f"{k.source} → {k.target}" for k, value in healed.items() if not value.reachable]
    title = f"{name} is back: every pair works again"
    return [*checks, Check("failure", title, not still, "; ".join(still[:5]), seconds)]
