"""The bundled engine: this very meshc, run by this very Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import meshc
from meshc.cli.engine import engine
from meshc.node.backends.bundled import Bundled
from tests.support.netns import needs_root

BUNDLED = Bundled()


def test_it_is_the_meshc_that_runs_now_wherever_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    for before in (None, str(tmp_path / "other")):
        if before is None:
            monkeypatch.delenv("PYTHONPATH", raising=False)
        else:
            monkeypatch.setenv("PYTHONPATH", before)
        done = subprocess.run(
            [BUNDLED.argv("wg9")[0], "-c", "import meshc, sys; print(meshc.__file__, *sys.path)"],
            env={**os.environ, **BUNDLED.environment()},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        found, *path = done.stdout.split()
        assert Path(found).samefile(meshc.__file__)
        assert before is None or before in path, "what the user had is still looked at"


def test_the_command_line_is_one_that_the_engine_takes() -> None:
    program, _, package, command, *arguments = BUNDLED.argv("wg9")
    assert (program, package, command) == (sys.executable, "meshc", engine.name)
    taken = engine.make_context("engine", list(arguments))
    assert taken.params["interface"] == "wg9"
    assert taken.params["foreground"], "else it would leave its parent, and its log"


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_it_lacks_nothing_but_the_tunnel_device() -> None:
    assert BUNDLED.missing() == ""
    ask = "from meshc.node.backends.bundled import Bundled; print(Bundled().missing())"
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"]
    done = subprocess.run(
        [*hide, sys.executable, "-c", ask], capture_output=True, text=True, check=True,
        env={**os.environ, **BUNDLED.environment()},
    )  # fmt: skip
    assert done.stdout == "/dev/net/tun is missing\n"
