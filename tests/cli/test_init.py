"""`meshc init`: a file to start from, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.build.check import check_file
from meshc.cli import init as command
from meshc.cli import main


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["init", *arguments], input=stdin)


@pytest.mark.parametrize("template", command.TEMPLATES)
def test_every_template_is_a_valid_topology(template: str, tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    result = run(str(path), "--template", template, "--endpoint", "vpn.office.net")
    assert result.exit_code == 0, result.output
    checked = check_file(str(path))
    assert checked.spec is not None
    assert [found for found in checked.findings if found.code[0] == "E"] == []


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text("mine", encoding="utf-8")
    result = run(str(path))
    assert result.exit_code == 1
    assert "left alone" in result.output
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert run(str(tmp_path / "mesh.yaml")).exit_code == 1
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_nothing_is_asked_without_a_terminal(tmp_path: Path) -> None:
    result = run(str(tmp_path / "mesh.yaml"), stdin="")
    assert result.exit_code == 0
    assert "?" not in result.output


def test_answers_go_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "office.yaml"
    run(str(path), "--name", "no", "--endpoint", "[2a00::1]:443")
    spec = check_file(str(path)).spec
    assert spec is not None
    assert spec.network.name == "no"
    assert str(spec.nodes["relay"].endpoints[0]) == "[2a00::1]:443"


@pytest.mark.parametrize(
    "arguments",
    [("--name", "a\nb"), ("--name", "../x"), ("--endpoint", "a b"), ("--endpoint", "::1")],
)
def test_answers_that_cannot_be(arguments: tuple[str, str], tmp_path: Path) -> None:
    result = run(str(tmp_path / "mesh.yaml"), *arguments)
    assert result.exit_code == 2
    assert not (tmp_path / "mesh.yaml").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    result = run(str(tmp_path / "absent" / "mesh.yaml"))
    assert result.exit_code == 1
    assert "cannot be written" in result.output


def test_the_list_of_templates() -> None:
    lines = run("--list").output.splitlines()
    assert [line.split()[0] for line in lines] == list(command.TEMPLATES)


def test_networks_get_prefixes_of_their_own(tmp_path: Path) -> None:
    """RFC 4193 section 3.2.1: the 40 bits are random, so that networks can be joined."""
    pools = set()
    for name in ("a.yaml", "b.yaml"):
        run(str(tmp_path / name))
        spec = check_file(str(tmp_path / name)).spec
        assert spec is not None
        pools.add(spec.network.pools[1])
    assert len(pools) == 2


def test_a_terminal_is_asked_and_a_wrong_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_terminal", lambda: True)
    path = tmp_path / "mesh.yaml"
    result = run(str(path), stdin="site\n../x\noffice\na b\nvpn.office.net\n")
    assert result.exit_code == 0, result.output
    assert "lans     join the LANs of several places" in result.output, "the words are explained"
    assert "cannot be a name" in result.output
    spec = check_file(str(path)).spec
    assert spec is not None
    assert spec.network.name == "office"
    assert spec.nodes["relay"].endpoints[0].host == "vpn.office.net"
    assert "office" in spec.sites


def test_nothing_is_asked_that_an_option_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_terminal", lambda: True)
    options = ["--template", "exit", "--name", "x", "--endpoint", "vpn.office.net"]
    result = run(str(tmp_path / "mesh.yaml"), *options, stdin="")
    assert result.exit_code == 0
    assert "Template" not in result.output
