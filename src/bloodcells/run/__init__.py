"""A run folder, from its typed records to the one writer and the one reader of each of its files.

`folder` lists the files.
"""

from bloodcells.run.config import FROM_PYTHON, IN_ONE_GO, Config, Environment, Request, Sitting
from bloodcells.run.errors import Errors, is_complete
from bloodcells.run.folder import Run
from bloodcells.run.records import (
    SETS,
    CleaningCounts,
    Epoch,
    Gate,
    GateEffect,
    HandedOn,
    Measurement,
    MedmnistC,
    Metrics,
    Summary,
    Temperature,
    TemperatureEffect,
    metrics_by_set,
)

__all__ = [
    "FROM_PYTHON", "IN_ONE_GO", "SETS", "CleaningCounts", "Config", "Environment", "Epoch", "Errors", "Gate",
    "GateEffect", "HandedOn", "Measurement", "MedmnistC", "Metrics", "Request", "Run", "Sitting", "Summary",
    "Temperature", "TemperatureEffect", "is_complete", "metrics_by_set",
]  # fmt: skip
