"""Two competitions for tests: the packaged one, and another that differs in classes, size and metric."""

from dataclasses import replace

from bloodcells.competition import BLOOD_CELLS, read_competition

BLOOD = read_competition(BLOOD_CELLS)
SHAPES = replace(
    BLOOD, title="Shapes", classes=("disc", "ring", "square", "bar", "cross"), image_size=64, metric="macro_f1"
)
