"""Name servers: every node asks a name of each server that its file names, over UDP.

Who is named as a server serves: a node at its address, a host on a LAN, and for public addresses
the host on the internet. A server that nobody is answers nobody.
"""

from __future__ import annotations

from meshc.lab.lab_session import LabSession
from meshc.lab.probe.lookup import Lookup
from meshc.lab.probe.patience import Patience
from meshc.lab.report.lab_report import Check
from meshc.lab.report.predictor import Predictor
from meshc.lab.world.jobs import PlacedJob

NAME = "name-probe.lab.test"
GROUP = "dns"
# Seconds for an answer: of who should give one, and of who should not.
HOPE, DOUBT = 10.0, 2.0


def check_name_servers(
    session: LabSession, predictor: Predictor, patience: Patience
) -> list[Check]:
    """A check for every node and server. What fails as the proof says is marked so."""
    asked = [
        (name, server, predictor.server(name, server))
        for name, conf in sorted(session.source.confs.items())
        for server in conf.dns
    ]
    jobs = []
    for name, server, predicted in asked:
        seconds = patience.echo(HOPE if predicted.reachable else DOUBT, 1.0)
        jobs.append(PlacedJob(name, Lookup(NAME, server, seconds, patience.interval(1.0))))
    checks = []
    for outcome in session.lab.run(jobs, parallel=4, timeout=patience.echo(HOPE, 1.0) * 2 + 60):
        name, server, predicted = asked[outcome.number]
        error = outcome.error or outcome.value.error
        if not predicted.judged:
            session.notes.append(f"not checked: {name} asks {server}: {predicted.reason}")
            continue
        title = f"{name} asks {server} for a name"
        why = predicted.reason or (f"nobody answers ({error})" if error else "")
        proven = bool(error) and not predicted.reachable
        checks.append(Check(GROUP, title, not error, why if error else "", proven=proven))
    return sorted(checks, key=lambda check: check.name)
