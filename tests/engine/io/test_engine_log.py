from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.engine.io.engine_log import VerboseSwitch, configure_log, use_system_log


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[logging.Logger]:
    """The root logger is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for handler in handlers:
        root.removeHandler(handler)
    yield root
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "level"),
    [("verbose", 10), ("INFO", 20), ("error", 40), ("silent", 51), ("nonsense", 40)],
)
def test_the_level_is_that_of_the_environment(
    root_logger: logging.Logger, text: str, level: int
) -> None:
    configure_log({"LOG_LEVEL": text}, "wg0")

    assert root_logger.level == level


def test_a_daemon_logs_to_the_system(root_logger: logging.Logger, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as system:
        system.bind(str(tmp_path / "log"))
        system.settimeout(30)
        configure_log({}, "wg%d")
        use_system_log("wg%d", tmp_path / "log")
        logging.getLogger("meshc.engine").error("it is %s", "broken")

        text = system.recv(1000).decode().rstrip("\0")

    # RFC 3164: facility daemon (3), severity error (3)
    assert text == f"<27>meshc-engine[{os.getpid()}]: (wg%d) it is broken"


def test_without_a_system_log_it_is_silent(
    root_logger: logging.Logger, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    use_system_log("wg0", tmp_path / "none")
    logging.getLogger("meshc.engine").error("nobody reads this")

    assert capfd.readouterr() == ("", "")


def test_the_switch_goes_there_and_back(root_logger: logging.Logger) -> None:
    configure_log({"LOG_LEVEL": "info"}, "wg0")
    switch = VerboseSwitch()

    levels = []
    for _ in range(3):
        switch.flip()
        levels.append(root_logger.level)

    assert levels == [logging.DEBUG, logging.INFO, logging.DEBUG]
