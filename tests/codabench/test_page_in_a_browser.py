"""The result page in a real browser, as wide as a phone; skipped where no Chromium is installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from competitions import BLOOD

from bloodcells.codabench.diagram import reliability_diagram
from bloodcells.codabench.page import failure_page, result_page
from bloodcells.codabench.stages import competition_facts

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
PHONE = 360

pytestmark = [pytest.mark.draws, pytest.mark.skipif(not BROWSER, reason="no Chromium here")]

BINS = [(20, 0.55, 0.4), (980, 0.97, 0.93)]
PAGES = {
    "scored": result_page(
        competition_facts(BLOOD),
        {"accuracy": 0.875, "balanced_accuracy": 0.86, "macro_f1": 0.87, "duration": 123.4},
        [[1234 if row == column else 56 for column in range(8)] for row in range(len(BLOOD.classes))],
        {"duration": 123.4, "load_seconds": 4.0, "peak_memory": 1_500_000_000},
        BINS,
        reliability_diagram(BINS),
        {"lower_resolution": (1234, 0.5), "": (3, 1.0)},
    ),
    "failed": failure_page(BLOOD.title, "prediction run: " + "x" * 300, {"output": "Traceback " + "/path" * 90}),
}


def measured(page: str, folder: Path) -> dict[str, str]:
    """What a browser makes of ``page`` in a frame of a phone's width: sizes in pixels, colours."""
    (folder / "page.html").write_text(page)
    (folder / "frame.html").write_text(
        f'<body><iframe src="page.html" style="border:0;width:{PHONE}px;height:600px"></iframe><script>'
        "onload = () => { const frame = frames[0], page = frame.document.documentElement;"
        " const tables = [...frame.document.querySelectorAll('.scroll')];"
        " const widest = Math.max(0, ...tables.map(table => table.scrollWidth - table.clientWidth));"
        " const style = frame.getComputedStyle(frame.document.body);"
        " const answer = `width=${page.scrollWidth};cut=${widest};paper=${style.backgroundColor};ink=${style.color}`;"
        " document.body.setAttribute('data-answer', answer); };</script>"
    )
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"]
    command += [f"--user-data-dir={folder / 'profile'}", "--blink-settings=preferredColorScheme=0"]
    done = subprocess.run(
        [*command, (folder / "frame.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    answer = re.search(r'data-answer="([^"]*)"', done.stdout)
    assert answer, done.stderr[-2000:]
    return dict(pair.split("=") for pair in answer[1].split(";"))


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_the_page_fits_a_phone_and_is_dark_in_the_dark(page: str, tmp_path: Path) -> None:
    found = measured(page, tmp_path)
    assert int(found["width"]) <= PHONE, "the page scrolls sideways"
    assert int(found["cut"]) <= 1, "a table is cut off"
    assert (found["paper"], found["ink"]) == ("rgb(21, 23, 26)", "rgb(230, 232, 235)")
