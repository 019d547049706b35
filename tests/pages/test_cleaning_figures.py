"""The figures of the cleaning that stand in notebook 2 alone."""

import numpy as np

from bloodcells.pages.cleaning_figures import leak_distribution


def test_every_split_is_drawn_and_the_split_by_cluster_marked():
    random = {"all": np.array([360, 361, 371]), "cells": np.array([3, 4, 4])}
    figure = leak_distribution(random, {"all": 0, "cells": 0}, "Leaks")
    assert [axes.get_title() for axes in figure.axes] == ["all", "cells"]
    for axes in figure.axes:
        assert sum(bar.get_height() for bar in axes.patches) == 3
        assert axes.lines[0].get_xdata()[0] == 0
    cells = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in figure.axes[1].patches}
    assert cells[3] == 1 and cells[4] == 2
