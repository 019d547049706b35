"""The records of an ablation: one JSON file for each arm and seed, ``<folder>/records/<arm>-<seed>.json``.

What `read_records` gives is of one experiment and consistent; the statistics and the pages rely on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.corruption.corruption_error import error_row
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_json

PAIRED_SETS = ("clean", "composite")
"""The sets of which a record tells every single image."""
SETS = (*PAIRED_SETS, "medmnist_c")
"""The sets of which a record tells the accuracy."""


@dataclass(frozen=True)
class BalancedErrors:
    """Balanced errors, 0..1, lower is better.

    Attributes:
        clean: on the cells as they are.
        medmnist_c: by corruption, at severity 1 to 5.
    """

    clean: float
    medmnist_c: Mapping[str, list[float]]


@dataclass(frozen=True, eq=False)
class ArmRecord:
    """One arm trained with one seed, and what it was measured to be.

    Attributes:
        arm: name of the arm.
        seed: of the data order and of the augmentation.
        budget: what all arms have in common, by name; plain values.
        data_sha256: of the cells it was trained on.
        start_sha256: of the weights it started from.
        images: images of each of ``SETS``; for ``medmnist_c`` those of each of its 55 copies.
        accuracy: by set, 0..1; for ``medmnist_c`` the mean over its copies.
        correct: by set of ``PAIRED_SETS``, (N,) bool: which images were classified right.
        balanced_error: the metric of MedMNIST-C.
        composite_families: accuracy over the images whose chain holds a corruption of the family, 0..1, by family;
            a family that no chain holds is left out.
        steps: training steps.
        train_seconds: of training alone, without evaluation.
        images_per_second: training cells in a second, augmentation included.
        policy_images_per_second: cells in a second that the augmentation pipeline gives when nobody trains.
        environment: versions and hardware.
    """

    arm: str
    seed: int
    budget: Mapping[str, Any]
    data_sha256: str
    start_sha256: str
    images: Mapping[str, int]
    accuracy: Mapping[str, float]
    correct: Mapping[str, np.ndarray]
    balanced_error: BalancedErrors
    composite_families: Mapping[str, float]
    steps: int
    train_seconds: float
    images_per_second: float
    policy_images_per_second: float
    environment: Mapping[str, Any]


def record_path(folder: Path, arm: str, seed: int) -> Path:
    """Where the ablation in ``folder`` keeps the record of ``arm`` and ``seed``."""
    return folder / "records" / f"{arm}-{seed}.json"


def write_record(folder: Path, record: ArmRecord) -> Path:
    """Write ``record`` to its place; right and wrong are packed to one bit an image, in hexadecimal."""
    path = record_path(folder, record.arm, record.seed)
    packed = {name: np.packbits(right).tobytes().hex() for name, right in record.correct.items()}
    write_json(path, {**asdict(record), "correct": packed})
    return path


def read_record(path: Path) -> ArmRecord:
    """Read one record.

    Raises:
        KitError: it is missing, incomplete, not a record, or contradicts itself.
    """
    value = read_json(path)
    wanted = [field.name for field in fields(ArmRecord)]
    missing = [name for name in wanted if name not in value]
    if missing:
        raise KitError(f"{path} is no record of an arm: it lacks {', '.join(missing)}. Remove it and train the arm.")
    try:
        record = ArmRecord(
            **{
                **{name: value[name] for name in wanted},
                "correct": {name: _unpacked(value["correct"][name], value["images"][name]) for name in PAIRED_SETS},
                "balanced_error": BalancedErrors(**value["balanced_error"]),
            }
        )
        told = {name: record.accuracy[name] for name in SETS}
        error_row(record.arm, record.balanced_error.clean, record.balanced_error.medmnist_c)
    except (KeyError, TypeError, ValueError) as error:
        raise KitError(f"{path} is damaged ({type(error).__name__}: {error}). Remove it and train the arm.") from error
    for name, right in record.correct.items():
        if abs(told[name] - right.mean()) > 1e-6:
            raise KitError(
                f"{path} contradicts itself: expected {name} accuracy {right.mean():.4f} by its images, "
                f"got {told[name]:.4f}. Remove it and train the arm."
            )
    return record


def read_records(folder: Path) -> list[ArmRecord]:
    """Every record in ``folder``, by arm and seed. Arms and seeds may be absent: the ablation may still run.

    Raises:
        KitError: there is none, one is damaged, or two are not of one experiment.
    """
    # A file that begins with a dot is being written.
    paths = [path for path in (folder / "records").glob("*.json") if not path.name.startswith(".")]
    if not paths:
        raise KitError(f"no records: expected ARM-SEED.json in {folder / 'records'}, got none. Run the ablation first.")
    records = sorted((read_record(path) for path in paths), key=lambda record: (record.arm, record.seed))
    _check_one_experiment(records)
    return records


def _unpacked(bits: str, count: int) -> np.ndarray:
    """(count,) bool of the hexadecimal digits; their number must be that of ``count``."""
    packed = np.frombuffer(bytes.fromhex(bits), np.uint8)
    if len(packed) != (count + 7) // 8:
        raise ValueError(f"expected {count} images in 'correct', got {8 * len(packed)} bits")
    return np.unpackbits(packed, count=count).astype(bool)


def _check_one_experiment(records: Iterable[ArmRecord]) -> None:
    """Same budget, cells and evaluation sets everywhere; for one seed the same start in every arm."""
    same: dict[tuple[str, int | None], tuple[ArmRecord, Any]] = {}
    for record in records:
        for name in ("budget", "data_sha256", "images", "start_sha256"):
            key = (name, record.seed if name == "start_sha256" else None)
            first, expected = same.setdefault(key, (record, getattr(record, name)))
            if getattr(record, name) != expected:
                raise KitError(
                    f"records of different experiments: {record.arm}-{record.seed} has {name} "
                    f"{getattr(record, name)}, expected {expected} as in {first.arm}-{first.seed}. "
                    "Keep each experiment in a folder of its own."
                )
