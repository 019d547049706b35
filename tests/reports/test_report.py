"""The PDF has the length of a report, and is refused without its records."""

import shutil
from pathlib import Path

import pytest
import typst

from bloodcells.errors import KitError
from reports.make.report import build_report

REPORTS = Path(__file__).resolve().parents[2] / "reports"


def test_it_has_six_to_eight_pages():
    pages = typst.compile(REPORTS / "report.typ", root=REPORTS, format="png", ppi=10, ignore_system_fonts=True)
    assert 6 <= len(pages) <= 8


def test_a_missing_record_is_told_in_one_line_and_the_old_report_stays(tmp_path):
    shutil.copytree(REPORTS, tmp_path / "reports")
    (tmp_path / "reports" / "cleaning" / "cleaning.json").unlink()
    before = (tmp_path / "reports" / "report.pdf").read_bytes()
    with pytest.raises(KitError, match=r"cannot be typeset: .*cleaning\.json") as refusal:
        build_report(tmp_path / "reports")
    assert "\n" not in str(refusal.value)
    assert (tmp_path / "reports" / "report.pdf").read_bytes() == before
