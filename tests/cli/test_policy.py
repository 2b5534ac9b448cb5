"""`meshc policy`, and `meshc explain --port`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main
from meshc.cli.policy import policy
from tests.support.printed_changes import disagreements

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1}
  con1: {}
  con2: {}
  erp: {}
groups: {contractors: [con1, con2]}
policies:
  - {from: contractors, to: erp, allow: [tcp/443], why: "ticket 1234"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mesh.yaml").write_text(TEXT)
    return tmp_path / "mesh.yaml"


def run(*words: str, stdin: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(main, [*words], input=stdin)
    return done.exit_code, done.output


def test_who_reaches_what_by_groups(file: Path) -> None:
    bare = "Rules without a test\n  line 11: tcp/443 (ticket 1234)\n"
    assert run("policy", str(file)) == (0, f"contractors\n  → erp: tcp/443\n\n{bare}")
    assert policy.name == "policy"


def test_a_change_says_what_it_opens_and_closes(file: Path) -> None:
    new = file.with_name("new.yaml")
    new.write_text(TEXT.replace("[tcp/443]", "[tcp/444, icmp]"))
    code, text = run("policy", str(new), "--against", "-", "--check", stdin=TEXT)
    assert code == 1
    assert text.startswith(
        "Opens\n  + contractors → erp: tcp/444, icmp\nCloses\n  - contractors → erp: tcp/443\n"
    )
    assert "conntrack -D" in text
    code, text = run("policy", str(new), "--against", str(file), "--markdown")
    assert (code, text.split("\n")[4]) == (0, "| contractors | erp | tcp/444, icmp |")
    _, text = run("policy", str(new), "--against", str(file), "--json")
    assert json.loads(text)["closes"] == [
        {"from": ["contractors"], "to": ["erp"], "services": ["tcp/443"]}
    ]


def test_nothing_changed(file: Path) -> None:
    code, text = run("policy", str(file), "--against", str(file), "--check")
    assert (code, text) == (0, "The policies let everybody reach what they reached before.\n")


def test_a_missing_file_is_told(file: Path) -> None:
    code, text = run("policy", str(file), "--against", "/nowhere/old.yaml")
    assert code == 2
    assert "cannot be read" in text


def test_explain_names_the_rule(file: Path) -> None:
    assert run("build", str(file))[0] == 0
    code, text = run("explain", str(file), "con1", "erp", "--port", "tcp/443")
    assert code == 0
    assert "allowed by the rule in line 11: ticket 1234" in text
    code, text = run("explain", str(file), "con1", "erp", "--port", "tcp/22")
    assert code == 1
    assert "no rule allows it; what con1 may begin there: tcp/443" in text
    code, text = run("explain", str(file), "con1", "hub", "--port", "22")
    assert code == 2
    assert "tcp/22 or udp/22" in text
    _, text = run("explain", str(file), "con1", "erp", "--port", "tcp/443", "--json")
    assert json.loads(text)["legs"][0]["rules"] == [{"index": 0, "line": 11, "why": "ticket 1234"}]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_printed_is_the_difference_of_what_the_files_mean(
    seed: int, tmp_path: Path
) -> None:
    """As JSON and as Markdown; `benchmarks/policy_changes.py` does the same for hundreds."""
    found = disagreements(seed, tmp_path)
    assert found.wrong == []
    assert found.compared > 100


def test_rules_without_a_test_are_named_until_they_have_one(file: Path) -> None:
    assert json.loads(run("policy", str(file), "--json")[1])["untested"] == [
        {"index": 0, "line": 11, "why": "ticket 1234"}
    ]
    assert (
        "### Rules without a test\n\n- line 11: tcp/443"
        in run("policy", str(file), "--markdown")[1]
    )
    file.write_text(TEXT + "tests: [{from: con1, to: erp, port: tcp/443}]\n")
    assert "without a test" not in run("policy", str(file))[1]
    assert json.loads(run("policy", str(file), "--json")[1])["untested"] == []


def test_the_page_is_written_where_it_is_asked_for(file: Path) -> None:
    page = file.with_name("who.html")
    code, text = run("policy", str(file), "-o", str(page))
    assert (code, text) == (0, f"{page}: who may reach what (open it in a browser)\n")
    assert "contractors → erp: tcp/443" in page.read_text()
    assert json.loads(run("policy", str(file), "-o", str(page), "--json")[1])["classes"] == 3
    code, text = run("policy", str(file), "-o", "/nowhere/x.html")
    assert (code, "cannot be written" in text) == (2, True)
    assert run("policy", str(file), "-o", str(page), "--against", str(file))[0] == 2
