from __future__ import annotations

import re
from pathlib import Path

import meshc.engine.proto as package
from meshc.engine.proto.drop_reason import DropReason


def test_reasons_are_fit_for_metric_labels():
    assert all(re.fullmatch(r"[a-z0-9_]+", reason) for reason in DropReason)
    assert len({str(reason) for reason in DropReason}) == len(DropReason)


def test_every_reason_is_used():
    (folder,) = package.__path__
    text = "".join(p.read_text() for p in Path(folder).glob("*.py") if p.name != "errors.py")
    unused = [reason.name for reason in DropReason if f"DropReason.{reason.name}" not in text]
    assert unused == []
