"""Every module has the test of its name: `meshc/a/b.py` is covered by `tests/a/test_b.py`."""

from __future__ import annotations

from pathlib import Path

from tests.structure.source_tree import ROOT, SOURCE, TESTS, modules, relative, statements

WITHOUT_A_TEST_OF_ITS_OWN = {
    "meshc/__init__.py": "the version; tests/test_packaging.py reads it from a wheel",
    "meshc/__main__.py": "one call; tests/test_program.py starts it",
    "meshc/engine/proto/datapath/contract.py": "types only, tried by test_datapath.py",
    "meshc/node/__init__.py": "only names what its modules have",
    "meshc/topology/importer/__init__.py": "only names what its modules have",
}


def the_test_of(module: Path) -> Path:
    """A package's own code, in `__init__`, is covered by the test with the package's name."""
    place = module.relative_to(SOURCE)
    name = module.parent.name if module.name == "__init__.py" else module.stem
    return TESTS / place.parent / f"test_{name}.py"


def test_every_module_has_the_test_of_its_name() -> None:
    without = [
        f"{relative(module)}: no {relative(the_test_of(module))}"
        for module in modules()
        if (module.name != "__init__.py" or statements(module))
        and relative(module) not in WITHOUT_A_TEST_OF_ITS_OWN
        and not the_test_of(module).is_file()
    ]
    assert without == []


def test_every_exception_is_still_one() -> None:
    for name in WITHOUT_A_TEST_OF_ITS_OWN:
        assert (ROOT / name).is_file(), name
        assert not the_test_of(ROOT / name).is_file(), name


def test_every_test_file_holds_a_test() -> None:
    files = [path for path in modules(TESTS) if path.name.startswith("test_")]
    empty = [
        relative(path)
        for path in files
        # hypothesis makes a test case of a state machine
        if not any(word in path.read_text(encoding="utf-8") for word in ("def test_", ".TestCase"))
    ]
    assert empty == []
