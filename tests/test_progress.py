"""Bars of progress: one for each step, on standard error, and closed whatever happens; in a pipe a line a minute."""

import pytest

from bloodcells import progress
from bloodcells.progress import progress_bars


def test_every_step_gets_a_bar_on_standard_error(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bars() as show:
        for done in (1, 2, 3):
            show("hashing", done, 3)
        show("judging", 7, 7, "a minute left")
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "hashing: 100%" in streams.err and "3/3" in streams.err
    assert "judging: 100%" in streams.err and "7/7" in streams.err and "a minute left" in streams.err


def test_an_error_is_written_on_a_line_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    with pytest.raises(ValueError), progress_bars() as show:
        show("hashing", 1, 3)
        raise ValueError
    assert capsys.readouterr().err.endswith("\n")


def test_in_a_pipe_there_is_a_line_a_minute(capsys, monkeypatch):
    seconds = iter(range(0, 10_000, 20))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with progress_bars() as show:
        for done in range(1, 9):
            show("hashing", done * 1000, 13759, "9 minutes left")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"hashing: {done} of 13,759, 9 minutes left" for done in ("3,000", "6,000")]


def test_nothing_is_written_without_steps(capsys):
    with progress_bars():
        pass
    assert capsys.readouterr().err == ""
