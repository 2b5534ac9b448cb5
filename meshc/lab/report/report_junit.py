"""A report as JUnit XML, the form that CI systems read."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from meshc.lab.report.lab_report import LabReport, arrow


def render_junit(report: LabReport) -> str:
    """One test case per pair and family, and one per check."""
    root = Element("testsuites", name=f"meshc lab {report.network}")
    pairs = SubElement(root, "testsuite", name="pairs", tests=str(len(report.cells)))
    wrong = 0
    for cell in report.cells:
        key = cell.key
        name = f"{key.source} to {key.target} IPv{key.family}"
        case = SubElement(pairs, "testcase", classname=f"pairs.{key.source}", name=_clean(name))
        if not cell.ok:
            wrong += 1
            failure = SubElement(case, "failure", message=_clean("; ".join(cell.problems)))
            failure.text = _clean(f"predicted: {arrow(cell.predicted.path)}")
    pairs.set("failures", str(wrong))
    checks = SubElement(root, "testsuite", name="checks", tests=str(len(report.checks)))
    for check in report.checks:
        case = SubElement(
            checks, "testcase", classname=f"checks.{check.group}", name=_clean(check.name)
        )
        if check.seconds is not None:
            case.set("time", f"{check.seconds:.3f}")
        if not check.passed:
            SubElement(case, "failure", message=_clean(check.detail))
    checks.set("failures", str(sum(not check.passed for check in report.checks)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Without the control characters that XML 1.0 cannot hold."""
    return "".join(c for c in text if c.isprintable() or c in "\t\n")
