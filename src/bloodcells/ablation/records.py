"""The records of an ablation: one JSON file for each arm and seed, ``<folder>/records/<arm>-<seed>.json``.

What `read_records` gives is of one experiment and consistent; the statistics and the pages rely on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.corruption.composite import FAMILIES
from bloodcells.corruption.corruption_error import error_row
from bloodcells.decoding import Amount, Count, Name, Positive, Share, decoded
from bloodcells.errors import KitError, first_line, quoted
from bloodcells.files import read_json, write_json
from bloodcells.run import Environment

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

    clean: Share
    medmnist_c: Mapping[str, tuple[Share, ...]]


@dataclass(frozen=True)
class Elsewhere:
    """What an arm makes of pictures from elsewhere, on single views. It has no say in which arm is best.

    Attributes:
        pictures: where they come from, in words.
        sha256: the SHA-256 of the pictures and labels.
        images: N, how many they are.
        right: which of them were classified right: a bit an image, in hexadecimal.
        balanced_accuracy: the mean recall of the classes that occur, 0..1.
    """

    pictures: str
    sha256: str
    images: Positive
    right: str
    balanced_accuracy: Share

    def __post_init__(self) -> None:
        """Refuse bits of another number of images."""
        _unpacked(self.right, self.images)

    @property
    def correct(self) -> np.ndarray:
        """(N,) bool: which images were classified right."""
        return _unpacked(self.right, self.images)


@dataclass(frozen=True, eq=False)
class ArmRecord:
    """One arm trained with one seed, and what it was measured to be.

    Attributes:
        arm: name of the arm.
        seed: the seed of the data order and of the augmentation.
        budget: what all arms have in common, by name; plain values.
        data_sha256: the SHA-256 of the cells it was trained on.
        start_sha256: the SHA-256 of the weights it started from.
        images: images of each of ``SETS``; for ``medmnist_c`` those of each of its 55 copies.
        accuracy: by set, 0..1; for ``medmnist_c`` the mean over its copies.
        correct: by set of ``PAIRED_SETS``, (N,) bool: which images were classified right.
        balanced_error: the metric of MedMNIST-C.
        composite_families: accuracy over the images whose chain holds a corruption of the family, 0..1, by family;
            a family that no chain holds is left out.
        steps: training steps.
        train_seconds: the seconds of training alone, without evaluation.
        images_per_second: training cells in a second, augmentation included.
        policy_images_per_second: cells in a second that the augmentation pipeline gives when nobody trains.
        environment: versions and hardware.
        elsewhere: what it makes of pictures from elsewhere; None where there were none.
    """

    arm: Name
    seed: Count
    budget: Mapping[str, Any]
    data_sha256: str
    start_sha256: str
    images: Mapping[str, Positive]
    accuracy: Mapping[str, Share]
    correct: Mapping[str, np.ndarray]
    balanced_error: BalancedErrors
    composite_families: Mapping[str, Share]
    steps: Count
    train_seconds: Amount
    images_per_second: Amount
    policy_images_per_second: Amount
    environment: Mapping[str, Any]
    elsewhere: Elsewhere | None = None

    def __post_init__(self) -> None:
        """Refuse another choice of sets or families, and an environment that says too little."""
        for name, found in (("images", self.images), ("accuracy", self.accuracy)):
            if set(found) != set(SETS):
                raise ValueError(f"{name}: expected those of {', '.join(SETS)}, got {quoted(list(found))}")
        if unknown := set(self.composite_families) - set(FAMILIES):
            raise ValueError(f"composite_families: expected those of {', '.join(FAMILIES)}, got {quoted(min(unknown))}")
        decoded(self.environment, Environment, "environment")


@dataclass(frozen=True)
class _Packed:
    """What a file holds in place of `ArmRecord.correct`: a bit an image, in hexadecimal."""

    correct: Mapping[str, str]


def record_path(folder: Path, arm: str, seed: int) -> Path:
    """Where the ablation in ``folder`` keeps the record of ``arm`` and ``seed``."""
    return folder / "records" / f"{arm}-{seed}.json"


def write_record(folder: Path, record: ArmRecord) -> Path:
    """Write ``record`` to its place; right and wrong are packed to one bit an image, in hexadecimal."""
    path = record_path(folder, record.arm, record.seed)
    packed = {name: packed_bits(right) for name, right in record.correct.items()}
    write_json(path, {**asdict(record), "correct": packed})
    return path


def read_record(path: Path) -> ArmRecord:
    """Read one record.

    Raises:
        KitError: it is missing, incomplete, not a record, or contradicts itself.
    """
    value = read_json(path)
    try:
        packed = decoded(value, _Packed).correct
        record: ArmRecord = decoded({**value, "correct": {}}, ArmRecord)
        correct = {name: _unpacked(packed.get(name, ""), record.images[name]) for name in PAIRED_SETS}
        record = replace(record, correct=correct)
        error_row(record.arm, record.balanced_error.clean, record.balanced_error.medmnist_c)
        if path.name != record_path(path, record.arm, record.seed).name:
            raise ValueError(f"expected the arm and the seed of its name, got {record.arm} and {record.seed}")
    except (ValueError, RecursionError, KitError) as error:
        raise KitError(f"{path} is damaged: {first_line(error)}. Remove it and train the arm.") from error
    for name, right in record.correct.items():
        if abs(record.accuracy[name] - right.mean()) > 1e-6:
            raise KitError(
                f"{path} contradicts itself: expected {name} accuracy {right.mean():.4f} by its images, "
                f"got {record.accuracy[name]:.4f}. Remove it and train the arm."
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


def packed_bits(right: np.ndarray) -> str:
    """(N,) bool as hexadecimal digits, a bit an image."""
    return np.packbits(right).tobytes().hex()


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
        shared = {
            **{name: getattr(record, name) for name in ("budget", "data_sha256", "images", "start_sha256")},
            "composite_families": set(record.composite_families),
            "elsewhere": record.elsewhere and record.elsewhere.sha256,
        }
        for name, found in shared.items():
            key = (name, record.seed if name == "start_sha256" else None)
            first, expected = same.setdefault(key, (record, found))
            if found != expected:
                raise KitError(
                    f"records of different experiments: {record.arm}-{record.seed} has {name} "
                    f"{quoted(found, 200)}, expected {quoted(expected, 200)} as in {first.arm}-{first.seed}. "
                    "Keep each experiment in a folder of its own."
                )
