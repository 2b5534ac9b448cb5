"""Every kind of page that meshc writes, looked at by axe-core in a headless browser.

    python benchmarks/accessible_pages.py                 graph pages, reports, policy page
    python benchmarks/accessible_pages.py dist/site       and the site that `./dev site` made there

Light and dark, at the width of a screen and of a telephone, each view of a graph page by itself.
Needs Chromium and npm (axe-core comes from its registry, by `npm pack`). It fails when axe finds
anything that it calls serious or critical.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

AXE = "axe-core@4.14.1"
SERIOUS = ("serious", "critical")
WIDTHS = (1280, 390)
SCHEMES = {"light": 1, "dark": 0}  # as Chromium counts them
# of the site's 250 pages, one of each kind
SITE = (
    "index.html",
    "tutorial.html",
    "agent.html",
    "diagnostics/E110.html",
    "commands/build.html",
)
SITE_SCHEMES = {"light": "default", "dark": "slate"}  # as its theme calls them
RUN = """
<script>%s</script>
<pre id="axe-found"></pre>
<script>
addEventListener("load", async () => {
  const found = [], tabs = [...document.querySelectorAll(".tabs button")];
  for (const tab of tabs.length ? tabs : [null]) {
    if (tab) tab.click();
    const seen = await axe.run({exclude: ["#axe-found"]});
    const view = tab ? tab.textContent : "";
    found.push({view, passes: seen.passes.length, violations: seen.violations.map(one => ({
      id: one.id, impact: one.impact, count: one.nodes.length, where: one.nodes[0].html,
      why: one.nodes[0].failureSummary}))});
  }
  document.getElementById("axe-found").textContent = JSON.stringify(found);
});
</script>
"""


def main() -> int:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if browser is None or shutil.which("npm") is None:
        print("needs chromium and npm", file=sys.stderr)
        return 2
    serious = 0
    with tempfile.TemporaryDirectory(prefix="meshc-pages-") as directory:
        place = Path(directory)
        axe = fetched(place)
        for page in [*written(place), *site(sys.argv[1:])]:
            for scheme in SCHEMES:
                for width in WIDTHS:
                    serious += looked_at(browser, page, axe, scheme, width, place)
    print(f"{serious} serious faults")
    return 1 if serious else 0


def fetched(place: Path) -> str:
    """The text of axe, by npm."""
    subprocess.run(["npm", "pack", "--silent", AXE], cwd=place, check=True, stdout=sys.stderr)
    (archive,) = place.glob("axe-core-*.tgz")
    subprocess.run(["tar", "-xzf", archive.name], cwd=place, check=True)
    return (place / "package" / "axe.min.js").read_text(encoding="utf-8")


def written(place: Path) -> Iterator[Path]:
    """Graph pages of 5, 60 and 300 nodes, one with policies, and the reports."""
    from meshc.build.pipeline import plan_file
    from meshc.render.diagram.html import html
    from meshc.render.diagram.picture import picture
    from tests.support.company_network import company_file

    examples = HERE.parent / "examples" / "topologies"
    topologies = {name: examples / name / "mesh.yaml" for name in ("relay", "company")}
    for count in (60, 300):
        (place / str(count)).mkdir()
        topologies[f"{count}-nodes"] = company_file(place / str(count), count, agents=True)
    for name, file in topologies.items():
        page = place / f"graph-{name}.html"
        page.write_text(html(picture(plan_file(file))), encoding="utf-8")
        yield page
    policies = place / "policies.html"
    meshc = [sys.executable, "-m", "meshc"]
    subprocess.run(
        [*meshc, "policy", str(topologies["company"]), "-o", str(policies)],
        check=True,
        capture_output=True,
    )
    yield policies
    yield lab_report(place)


def lab_report(place: Path) -> Path:
    """Of a run that the tests of the report make up."""
    from meshc.lab.report.report_html import render_html
    from tests.lab.report.test_report_html import a_report

    page = place / "lab-report.html"
    page.write_text(render_html(a_report("lost")), encoding="utf-8")
    return page


def site(given: list[str]) -> Iterator[Path]:
    for directory in given:
        yield from (Path(directory).resolve() / page for page in SITE)


def looked_at(browser: str, page: Path, axe: str, scheme: str, width: int, place: Path) -> int:
    """How many serious faults; prints them."""
    copy = page.with_name(f"axe-{page.name}")
    text = page.read_text(encoding="utf-8")
    text = text.replace(
        'data-md-color-scheme="default"', f'data-md-color-scheme="{SITE_SCHEMES[scheme]}"'
    )
    copy.write_text(text.replace("</body>", RUN % axe + "</body>"), encoding="utf-8")
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"),
        f"--user-data-dir={place / 'profile'}",
        f"--window-size={width},850",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        *("--virtual-time-budget=60000", "--allow-file-access-from-files", copy.as_uri()),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    finally:
        copy.unlink()
    name = page.name
    found = re.search(r'<pre id="axe-found">(.*?)</pre>', done.stdout, re.S)
    if found is None or not found[1]:
        raise SystemExit(f"{name}: axe did not answer")
    serious = 0
    for view in json.loads(unescape(found[1])):
        print(f"{name} {view['view']} {scheme} {width}: {view['passes']} rules hold", flush=True)
        for fault in view["violations"]:
            serious += fault["impact"] in SERIOUS
            print(f"  {fault['impact']} {fault['id']} ×{fault['count']}: {fault['where'][:160]}")
            print(f"    {fault['why'].splitlines()[-1].strip()}")
    return serious


if __name__ == "__main__":
    sys.exit(main())
