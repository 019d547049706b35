"""The PDF has the length of a report, and is refused without its records."""

import shutil
from pathlib import Path

import pytest

from bloodcells.errors import KitError
from reports.make.report import build_report, typeset

REPORTS = Path(__file__).resolve().parents[2] / "reports"


def test_it_has_six_to_eight_pages():
    assert 6 <= len(typeset(REPORTS, format="png", ppi=10)) <= 8


def test_a_missing_record_is_told_in_one_line_and_the_old_report_stays(tmp_path):
    shutil.copytree(REPORTS, tmp_path / "reports")
    (tmp_path / "reports" / "cleaning" / "cleaning.json").unlink()
    before = (tmp_path / "reports" / "report.pdf").read_bytes()
    with pytest.raises(KitError, match=r"cannot be typeset: .*cleaning\.json") as refusal:
        build_report(tmp_path / "reports")
    assert "\n" not in str(refusal.value)
    assert (tmp_path / "reports" / "report.pdf").read_bytes() == before
