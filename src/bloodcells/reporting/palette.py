"""One colour per class and per set, the same in every figure, told apart by colour-blind readers too.

Paul Tol's schemes *muted* (classes) and *high contrast* (sets), https://personal.sron.nl/~pault/.
"""

from bloodcells.competition import COMPETITION

CLASS_COLOURS = dict(
    zip(
        COMPETITION.classes,
        ("#332288", "#CC6677", "#DDCC77", "#117733", "#88CCEE", "#AA4499", "#44AA99", "#999933"),
        strict=True,
    )
)
"""Colour of each class, by name."""

SET_COLOURS = {"clean": "#004488", "composite": "#BB5566", "training": "#DDAA33"}
"""Colour of what is measured on: cells as they are, cells after the composite corruption, augmented training cells."""
