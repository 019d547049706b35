"""Bars of progress: one for each step, on standard error, and closed whatever happens."""

import pytest

from bloodcells.progress import progress_bars


def test_every_step_gets_a_bar_on_standard_error(capsys):
    with progress_bars() as show:
        for done in (1, 2, 3):
            show("hashing", done, 3)
        show("judging", 7, 7)
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "hashing: 100%" in streams.err and "3/3" in streams.err
    assert "judging: 100%" in streams.err and "7/7" in streams.err


def test_an_error_is_written_on_a_line_of_its_own(capsys):
    with pytest.raises(ValueError), progress_bars() as show:
        show("hashing", 1, 3)
        raise ValueError
    assert capsys.readouterr().err.endswith("\n")


def test_nothing_is_written_without_steps(capsys):
    with progress_bars():
        pass
    assert capsys.readouterr().err == ""
