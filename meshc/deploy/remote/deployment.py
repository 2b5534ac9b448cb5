"""One deployment on the node: a small state machine in STATE/IFACE/state.json, under a lock::

    armed -> applying -> applied -> committed
        \\________\\__________\\---> restoring -> restored

`arm` puts everything that needs room on disk in its place and starts the watcher, a process of
its own that restores what was there when nobody committed before the deadline. From then on
the operator's connection may die at any moment. The new and the old file lie beside the
configuration under names of this deployment, so that applying and restoring are renames, which a
full disk cannot stop. A machine that is restarted in between restores at the next boot, before the
interface comes up.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sys
import time
from typing import Any

from meshc.deploy.remote import bootguard, environment, staging, units
from meshc.deploy.remote.base import (
    Refusal,
    boot,
    clock,
    from_os,
    pings,
    read,
    run,
    sha,
    write,
)
from meshc.deploy.remote.supervision import Node, node_of, reload, running, start, stop, sync

UNFINISHED = ("armed", "applying", "applied", "restoring")
ALIVE = 180  # seconds; a session is renewed every 120 and dead after 180 (whitepaper 6.1)
_TOKEN = re.compile(r"[0-9a-f]{16}")


def arm(request: dict[str, Any]) -> dict[str, Any]:
    """Keeps what runs, puts the new file beside it, starts the watcher. Undone when it fails."""
    node, token = node_of(request), request["token"]
    if not _TOKEN.fullmatch(token):
        raise Refusal("not a token")
    node.make_home()
    with node.locked():
        state = node.load()
        left = pending(node, state)
        if left and left["watched"]:
            raise Refusal(
                "another deploy of this interface is under way",
                f"wait: {left['seconds']} s from now the node puts back what ran before",
                "busy",
            )
        if left:
            restore(node, state)
        if sha(read(node.conf)) != request["sha"]:
            raise Refusal(f"{node.conf} changed meanwhile", "look at the plan again", "changed")
        staging.clean(node)
        state = _new_state(node, request, state.get("deployed"))
        try:
            staging.stage(node, request, state)
            write(os.path.join(node.home, "program.py"), request["program"].encode())
            node.save(state)
            bootguard.place(node, token)
            _start_watcher(node, token)
        except BaseException:
            bootguard.remove(node)
            staging.clean(node, token)
            with contextlib.suppress(OSError):
                node.save({"phase": "restored", "deployed": state["deployed"]})
            raise
        return {"phase": "armed", "seconds": request["window"]}


def apply(request: dict[str, Any]) -> dict[str, Any]:
    """Puts the new file in place and makes it run. On a failure what was there is put back."""
    node = node_of(request)
    with node.locked():
        state = _mine(node, request, "armed")
        state["phase"] = "applying"
        state["applied_at"] = int(time.time())
        node.save(state)
        try:
            _switch(node, state)
            state["phase"] = "applied"
            node.save(state)
        except (Refusal, OSError) as error:
            reason = error if isinstance(error, Refusal) else from_os(error)
            restore(node, state)
            reason.answer["error"] += "; the node has put back what was there"
            raise reason from error
    return {"phase": "applied"}


def check(request: dict[str, Any]) -> dict[str, Any]:
    """Whether the interface is up with the right key, and who answers of those who did before."""
    node = node_of(request)
    state = _mine(node, request, "applied")
    wanted = {k: where for k, where in request["peers"].items() if k in state["before"]["alive"]}
    end = min(clock() + request["patience"], state["deadline"])
    alive: set[str] = set()
    while True:
        now = running(node)
        good = now["up"] and now["public_key"] == request["public_key"]
        silent = {key: where for key, where in wanted.items() if key not in alive}
        # a session that went on makes no new handshake, but it answers
        alive |= pings(silent)
        alive |= {k for k in silent if _handshake(now, k) >= state["applied_at"]}
        if (good and len(alive) == len(wanted)) or clock() >= end:
            break
        time.sleep(0.2)
    return {
        "good": good,
        "up": now["up"],
        "public_key": now["public_key"],
        "before": sorted(wanted),
        "alive": sorted(alive),
    }


def commit(request: dict[str, Any]) -> dict[str, Any]:
    """Ends the deployment: the new file stays. After this answer the watcher does nothing."""
    node = node_of(request)
    with node.locked():
        state = node.load()
        if state["phase"] == "committed" and state.get("token") == request["token"]:
            return {"phase": "committed"}  # the answer to the first request got lost
        state = _mine(node, request, "applied")
        # a copy to compare with later; should the machine stop between the two writes, the record
        # still names the deployment before, whose file is put back
        shutil.copyfile(node.conf, os.path.join(node.home, "deployed.next"))
        state["phase"] = "committed"
        state["deployed"] = {"sha": state["new_sha"], "env": state["env"]}
        node.save(state)
        os.replace(os.path.join(node.home, "deployed.next"),
                   os.path.join(node.home, "deployed.conf"))  # fmt: skip
        bootguard.remove(node)
        staging.clean(node, request["token"])
        units.settle(node, state["manner"])
        environment.settle(node.interface, state.get("environment"))
    return {"phase": "committed"}


def rollback(request: dict[str, Any]) -> dict[str, Any]:
    """Restores at once instead of at the deadline. Without a token: an unfinished deployment."""
    node = node_of(request)
    if not os.path.isdir(node.home):
        return {"phase": "none"}
    with node.locked():
        state = node.load()
        if state["phase"] in UNFINISHED and request.get("token") in (None, state["token"]):
            restore(node, state)
        return {"phase": node.load()["phase"]}


def adopt(request: dict[str, Any]) -> dict[str, Any]:
    """Records that the file which is there is the deployed one: it was equal already. So is one
    that a deployment brought which nobody will end any more."""
    node = node_of(request)
    node.make_home()
    with node.locked():
        state = node.load()
        left = pending(node, state)
        content = read(node.conf) or b""
        if (left and left["watched"]) or sha(content) != request["sha"]:
            raise Refusal(f"{node.conf} changed meanwhile", "look at the plan again", "changed")
        write(os.path.join(node.home, "deployed.conf"), content)
        state["deployed"] = {"sha": request["sha"]}
        if left:
            state["phase"] = "committed"
            state["deployed"]["env"] = state["env"]
        node.save(state)
        if left:
            bootguard.remove(node)
            staging.clean(node)
    return {"phase": state["phase"]}


def watch(node: Node, token: str) -> None:
    """Waits for the commit until the deadline, then restores. Runs detached from everything."""
    write(os.path.join(node.home, "watcher"), f"{token} {os.getpid()}".encode())
    while True:
        state = node.load()
        if state.get("token") != token or state["phase"] not in UNFINISHED:
            return
        left = state["deadline"] - clock()
        if left <= 0:
            break
        time.sleep(min(left, 1.0))
    with node.locked():
        state = node.load()
        if state.get("token") == token and state["phase"] in UNFINISHED:
            restore(node, state)


def at_boot(node: Node, token: str) -> None:
    """Restores what a restart of the machine interrupted, before the interface comes up: what
    the boot starts by itself is up to the units that were enabled, as before."""
    with node.locked():
        state = node.load()
        if state.get("token") == token and state["phase"] in UNFINISHED:
            restore(node, state, up=False)
        bootguard.remove(node)


def restore(node: Node, state: dict[str, Any], *, up: bool = True) -> None:
    """Makes it as it was before `arm`. May be called again after it was interrupted. `up`: what
    ran then is started."""
    before, token = state["before"], state["token"]
    if state["phase"] != "armed":  # else nothing was touched yet
        state["phase"] = "restoring"
        with contextlib.suppress(OSError):  # a full disk must not stop the renames
            node.save(state)
        going_on = state["how"] in ("sync", "reload", "file") and running(node)["up"]
        if not going_on:
            stop(node)
        staging.put_back(node, state)
        environment.switch_back(node.interface, state.get("environment"))
        if going_on:
            going_on = _changed_back(node, state)
        if up and before["up"] and not going_on:
            start(node, before["manner"], before.get("env", state["env"]))
    staging.clean(node, token)
    node.save({"phase": "restored", "deployed": state.get("deployed"), "token": token})
    bootguard.remove(node)
    environment.prune(state.get("environment"))


def _changed_back(node: Node, state: dict[str, Any]) -> bool:
    """Without taking the interface down; False, and it is down, where that fails."""
    try:
        if state["how"] == "sync":
            sync(node, state["routes"]["remove"], state["routes"]["add"])
        elif state["how"] == "reload":
            reload(node, state["manner"])
    except Refusal:
        stop(node)
        return False
    return True


def _new_state(
    node: Node, request: dict[str, Any], deployed: dict[str, Any] | None
) -> dict[str, Any]:
    now = running(node)
    return {
        "phase": "armed",
        "token": request["token"],
        "deadline": clock() + request["window"],
        "boot": boot(),
        "how": request["how"],
        "manner": request["manner"],
        "env": request["env"],
        "routes": request["routes"],
        "environment": environment.record(request),
        "new_sha": hashlib.sha256(request["conf"].encode()).hexdigest(),
        "before": {
            "existed": [],
            "staged": [],
            "up": now["up"],
            "manner": now["manner"],
            "env": (deployed or {}).get(
                "env", {} if request.get("environment") else request["env"]
            ),
            "alive": [k for k in now["peers"] if time.time() - _handshake(now, k) < ALIVE],
        },
        "deployed": deployed,
    }


def _switch(node: Node, state: dict[str, Any]) -> None:
    how, manner = state["how"], state["manner"]
    limit = max(1.0, state["deadline"] - clock())
    if how == "restart":
        stop(node, limit)
    environment.switch(node.interface, state["environment"])
    staging.switch(node, state)
    if how == "sync":
        sync(node, state["routes"]["add"], state["routes"]["remove"], limit)
    elif how == "reload":
        reload(node, manner, limit)
    elif how in ("start", "restart"):
        start(node, manner, state["env"], limit)


def _start_watcher(node: Node, token: str) -> None:
    program = os.path.join(node.home, "program.py")
    rest = [node.interface, node.conf_dir, node.state_dir, token]
    if units.runs() and shutil.which("systemd-run"):
        # a unit of its own: systemd may end everything that a login session leaves behind
        command = [sys.executable, program, "watch", *rest]
        again = ["--property=Restart=on-failure", "--property=RestartSec=1"]
        unit = f"meshc-rollback-{token}"
        run(["systemd-run", "--quiet", "--collect", "--unit", unit, *again, "--", *command])
    else:
        run([sys.executable, program, "detach", *rest])
    end = clock() + 10
    while (read(os.path.join(node.home, "watcher")) or b"").split()[:1] != [token.encode()]:
        if clock() > end:
            raise Refusal("the watcher that would put things back did not start")
        time.sleep(0.02)


def pending(node: Node, state: dict[str, Any]) -> dict[str, Any] | None:
    """None, or an unfinished deployment: whether somebody will end it, and in how many seconds."""
    if state["phase"] not in UNFINISHED:
        return None
    words = (read(os.path.join(node.home, "watcher")) or b"").split()
    here = state["boot"] == boot() and len(words) == 2
    watched = here and _is_watcher(int(words[1]), state["token"])
    return {"watched": watched, "seconds": max(0, int(state["deadline"] - clock()) + 1)}


def _is_watcher(pid: int, token: str) -> bool:
    words = (read(f"/proc/{pid}/cmdline") or b"").split(b"\0")
    return token.encode() in words


def _mine(node: Node, request: dict[str, Any], phase: str) -> dict[str, Any]:
    state = node.load()
    if state.get("token") != request["token"] or state["phase"] != phase:
        raise Refusal(
            "this deployment is over: the node is {}".format(state["phase"]),
            "the node has put back what ran before; deploy again",
            "over",
        )
    if phase != "armed" and state["boot"] != boot():
        raise Refusal("the node was restarted in between", "deploy again", "over")
    return state


def _handshake(now: dict[str, Any], key: str) -> int:
    """When the last one was, in seconds since 1970; 0 for never."""
    found: int = now["peers"].get(key, {}).get("handshake", 0)
    return found
