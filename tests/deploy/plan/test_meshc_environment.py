"""Which meshc a node gets, and which way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshc.deploy.bundle import Bundle
from meshc.deploy.plan.meshc_environment import Environment, PackageSource, environment
from meshc.deploy.protocol import OwnMeshc
from tests.support.deploys import empty

SOABI = "cpython-311-x86_64-linux-gnu"
LOCKED = frozenset({"numpy"})
HERE = Bundle("1.2", SOABI, (2, 34), {}, {}, LOCKED)
NODE = OwnMeshc(soabi=SOABI, libc=("glibc", "2.36"), pip=True)


def chosen(here: Bundle = HERE, python: tuple[int, ...] = (3, 11, 2), **node: Any) -> Any:
    return environment(empty(python=python, meshc=replace(NODE, **node)), lambda: here)


def test_the_same_python_gets_the_packages_from_here() -> None:
    found = chosen()
    assert (found.source, found.identity, found.there) == (
        PackageSource.SENT,
        f"1.2-{SOABI}",
        False,
    )
    assert found.describe("/opt/meshc") == ["meshc 1.2 in /opt/meshc (1 MB, sent from here)"]


@pytest.mark.parametrize(
    ("node", "why"),
    [
        ({"soabi": "cpython-312-x86_64-linux-gnu"}, "its Python is cpython-312-x86_64-linux-gnu"),
        ({"soabi": "cpython-311-aarch64-linux-gnu"}, "its Python is cpython-311-aarch64-linux-gnu"),
        ({"libc": ("glibc", "2.31")}, "its libc is 2.31, the packages here need 2.34"),
    ],
)
def test_another_one_has_its_pip_fetch_them(node: dict[str, Any], why: str) -> None:
    found = chosen(**node)
    assert found.source is PackageSource.FETCHED
    assert f"fetched there by pip: {why}" in found.describe("/opt/meshc")[0]


def test_packages_that_pip_did_not_put_here_are_fetched_there() -> None:
    found = chosen(replace(HERE, strange="numpy"))
    assert (found.source, found.why) == (
        PackageSource.FETCHED,
        ": numpy here was not installed by pip",
    )


@pytest.mark.parametrize(
    ("python", "node", "here", "lacks"),
    [
        ((3, 9, 2), {}, HERE, "Python 3.11 or later for meshc (it has 3.9.2)"),
        ((3, 12, 1), {"soabi": "x", "pip": False}, HERE, "apt install python3-venv"),
        ((3, 12, 1), {"soabi": "x"}, replace(HERE, names=frozenset()), "requirements-run.lock"),
    ],
)
def test_what_stands_in_the_way_is_said(
    python: tuple[int, ...], node: dict[str, Any], here: Bundle, lacks: str
) -> None:
    (said,) = chosen(here, python, **node)
    assert lacks in said


def test_the_version_that_is_used_already_is_no_change() -> None:
    found = chosen(there=frozenset({f"1.2-{SOABI}"}), used=f"1.2-{SOABI}")
    assert isinstance(found, Environment)
    assert not found.changes
    assert found.describe("/opt/meshc") == []


def test_one_whose_python_is_gone_comes_again() -> None:
    found = chosen(used=f"1.2-{SOABI}")
    assert found.changes
    assert "meshc 1.2 in /opt/meshc again, because its Python" in found.describe("/opt/meshc")[0]


def test_another_version_is_a_change_with_both_names() -> None:
    found = chosen(there=frozenset({f"1.1-{SOABI}"}), used=f"1.1-{SOABI}")
    assert found.changes
    assert "meshc 1.2 in /opt/meshc, in the place of 1.1 (" in found.describe("/opt/meshc")[0]


def test_one_that_another_interface_brought_need_not_come_again() -> None:
    found = chosen(there=frozenset({f"1.2-{SOABI}"}))
    assert found.there
    assert found.describe("/opt/meshc") == ["meshc 1.2 in /opt/meshc (is there already)"]
