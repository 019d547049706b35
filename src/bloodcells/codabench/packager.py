"""From a training run, or from several, to the zip that is uploaded."""

import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro_zipfile import ReproducibleZipFile

from bloodcells.codabench.archive import WrittenZip, check_archive, extract
from bloodcells.codabench.golden import golden_images
from bloodcells.codabench.isolation import Machine
from bloodcells.codabench.modelfiles import Damaged, check_weights
from bloodcells.codabench.rehearsal import rehearse
from bloodcells.competition import Competition
from bloodcells.errors import KitError
from bloodcells.files import WEIGHTS, refuse_to_overwrite, replacing, sha256_of, write_json
from bloodcells.network.ensemble import Ensemble
from bloodcells.network.inference import TTA_VIEWS, Network, predict_probabilities, tempered
from bloodcells.run import Run
from bloodcells.shipped import shipped

FLATBUFFER = "network.tflite"
BACKENDS = {"tflite": 8, "keras": 64}
"""What can predict in a submission, and the images that each takes at once. TFLite gains nothing from more than 8."""
MODEL = "submission/model.py"
"""The class that the competition imports."""
_NETWORK = Path(__file__).parents[1] / "network"
_OF_A_MEMBER = ("working_size", "dropout", "backbone", "flatbuffer", "weights", "weights_sha256")


@dataclass(frozen=True)
class PackageSummary(WrittenZip):
    """A packed submission.

    Attributes:
        projected_seconds: what a prediction run over the competition's hidden set would take on this machine.
        gate: only images whose first view is less sure than this get further views; None: all images get them.
    """

    projected_seconds: float
    gate: float | None


def package(folder: Path, out: Path, tta_level: int, force: bool = False, backend: str = "tflite") -> PackageSummary:
    """Write the submission zip of a training run: flat, and byte for byte the same for the same run.

    The zip is put in its place only after its ``Model``, unpacked into an isolated process, has returned the
    probabilities of the trained network and has passed the checks on ``predict``. With the backend ``tflite`` this
    holds twice: for the flatbuffer, and for Keras, which stands in where the flatbuffer cannot be run.

    Args:
        folder: the folder of the run, trained to its end.
        out: the zip to write.
        tta_level: 0 none, 1 the four rotations, 2 the eight dihedral views.
        force: replace ``out`` if it exists.
        backend: ``tflite`` (a flatbuffer, with Keras as its stand-in) or ``keras`` (Keras alone: half the size).

    Raises:
        KitError: ``out`` exists, a file is missing, the weights are truncated, not finite, with an optimizer,
            too large or of another network, the network cannot be converted, or a check did not hold.
    """
    _refuse_request(out, tta_level, force, backend)
    run, views = Run(folder), TTA_VIEWS[tta_level]
    return _package([run], out, tta_level, backend, run.gate(views), run.temperature(views))


def package_ensemble(
    folders: Sequence[Path],
    out: Path,
    tta_level: int,
    force: bool = False,
    backend: str = "tflite",
    gate: float | None = None,
    temperature: float = 1.0,
) -> PackageSummary:
    """Write one zip of several training runs, which answers with the mean of their probabilities.

    Each member sees the images at its own working size; views are averaged as for one network.

    Args:
        folders: the folders of the runs, trained to their ends.
        gate: what `gate.choose_gate` gives for the mean; None: all images get all views.
        temperature: what `temperature.choose_temperature` gives for it.

    Other arguments and errors are those of `package`.

    Raises:
        KitError: also, a run is there twice, or the runs do not know the same classes and images of one size.
    """
    _refuse_request(out, tta_level, force, backend)
    refuse_unequal(folders)
    return _package([Run(folder) for folder in folders], out, tta_level, backend, gate, temperature)


def _refuse_request(out: Path, tta_level: int, force: bool, backend: str) -> None:
    refuse_to_overwrite(out, force)
    if tta_level not in range(len(TTA_VIEWS)):
        raise KitError(f"unknown TTA level: expected 0, 1 or 2, got {tta_level}. Choose one with --tta.")
    if backend not in BACKENDS:
        raise KitError(f"unknown backend: expected {' or '.join(BACKENDS)}, got {backend!r}. Choose with --backend.")


def _package(
    runs: Sequence[Run], out: Path, tta_level: int, backend: str, gate: float | None, temperature: float
) -> PackageSummary:
    files = _files(runs, backend)
    _refuse_missing(files, runs)
    for run in runs:
        _check_run_weights(run)
    settings, competition = _settings(runs, tta_level, backend, gate, temperature), runs[0].config.competition
    networks = [run.network() for run in runs]
    network = networks[0] if len(networks) == 1 else Ensemble(networks)
    settings["golden"] = _golden_outputs(network, settings)
    with tempfile.TemporaryDirectory() as work, replacing(out) as beside:
        if backend == "tflite":
            for member, own in zip(_members(settings), networks, strict=True):
                name = member["flatbuffer"]
                files[name] = _converted(own, Path(work) / name)
                member["flatbuffer_sha256"] = sha256_of(files[name])
        _write_zip(beside, files, settings)
        packed = check_archive(beside, competition.size_limit, out.name)
        projected = _rehearsed_seconds(beside, competition)
        if backend == "tflite":
            _rehearse_stand_in(beside, network, settings, competition)
    names = tuple(member.filename for member in packed)
    return PackageSummary(out, out.stat().st_size, sha256_of(out), names, projected, gate)


def refuse_unequal(folders: Sequence[Path]) -> None:
    """Raise KitError if a run is there twice, or the runs do not know the same classes and images of one size."""
    known = [Run(folder).config.competition for folder in folders]
    for folder, own in zip(folders, known, strict=True):
        wanted = known[0]
        if (own.classes, own.image_size) != (wanted.classes, wanted.image_size):
            raise KitError(
                f"{folder} and {folders[0]} do not make one zip: expected the classes {', '.join(wanted.classes)} at "
                f"{wanted.image_size} px in both, got {', '.join(own.classes)} at {own.image_size} px. Give runs of "
                "one competition."
            )
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise KitError(f"expected different runs, got one twice: {', '.join(map(str, folders))}. Name each --run once.")


def _files(runs: Sequence[Run], backend: str) -> dict[str, Path]:
    """What goes into the zip, by its name there, but for what is made of it here."""
    files = {
        "model.py": shipped(MODEL),
        "network.py": _NETWORK / "network.py",
        "inference.py": _NETWORK / "inference.py",
        "pixels.py": _NETWORK / "pixels.py",
    }
    if len(runs) > 1:
        files["ensemble.py"] = _NETWORK / "ensemble.py"
    files |= dict(zip(_names(WEIGHTS, len(runs)), (run.weights for run in runs), strict=True))
    if backend == "tflite":
        files["flatbuffer.py"] = _NETWORK / "flatbuffer.py"
    return files


def _names(name: str, members: int) -> list[str]:
    """A file's name for each member; the name itself for one alone."""
    stem, dot, rest = name.partition(".")
    return [f"{stem}-{number}{dot}{rest}" for number in range(1, members + 1)] if members > 1 else [name]


def _refuse_missing(files: dict[str, Path], runs: Sequence[Run]) -> None:
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        folders = " and ".join(str(run.folder) for run in runs)
        raise KitError(
            f"cannot package {folders}: model.py opens {', '.join(files)} and submission.json, "
            f"but {', '.join(missing)} is missing. Finish the training run, or give another one with --run."
        )


def _check_run_weights(run: Run) -> None:
    try:
        slots = check_weights(run.weights)
    except Damaged as error:
        raise KitError(f"{run.folder}: {error}") from error
    if slots:
        raise KitError(
            f"{run.weights} carries {slots:,} bytes of optimizer slots of its {run.weights.stat().st_size:,}: expected "
            "weights alone. Save them from a network that was not compiled."
        )


def _settings(
    runs: Sequence[Run], tta_level: int, backend: str, gate: float | None, temperature: float
) -> dict[str, Any]:
    """What ``model.py`` reads: everything that is not weights or code."""
    places = zip(runs, _names(WEIGHTS, len(runs)), _names(FLATBUFFER, len(runs)), strict=True)
    members = [
        {
            "image_size": (config := run.config).competition.image_size,
            "working_size": config.recipe.working_size,
            "dropout": config.recipe.dropout,
            "backbone": config.recipe.backbone,
            "classes": config.competition.classes,
            "tta_level": tta_level,
            "gate": gate,
            "temperature": temperature,
            "batch_size": BACKENDS[backend],
            "flatbuffer": flatbuffer if backend == "tflite" else None,
            "weights": weights,
            "weights_sha256": sha256_of(run.weights),
        }
        for run, weights, flatbuffer in places
    ]
    if len(members) == 1:
        return members[0]
    shared = {name: value for name, value in members[0].items() if name not in _OF_A_MEMBER}
    return {**shared, "members": [{name: member[name] for name in _OF_A_MEMBER} for member in members]}


def _members(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The settings of each network, as ``model.py`` finds them."""
    members: list[dict[str, Any]] = settings.get("members", [settings])
    return members


def _golden_outputs(network: Network, settings: dict[str, Any]) -> list[list[float]]:
    """Probabilities of the trained network for the golden images, before anything is converted or packed."""
    images = golden_images(settings["image_size"])
    averaged = predict_probabilities(network, images, settings["tta_level"], gate=settings["gate"])
    probabilities = tempered(averaged, settings["temperature"])
    # Six digits are finer than the tolerance, and keep the file equal where the last bits of a sum are not.
    return [[round(float(value), 6) for value in row] for row in probabilities]


def _converted(network: Any, path: Path) -> Path:
    from bloodcells.codabench.conversion import to_flatbuffer  # imports Keras

    path.write_bytes(to_flatbuffer(network))
    return path


def _write_zip(path: Path, files: dict[str, Path], settings: dict[str, Any]) -> None:
    # Stored, not deflated: weights hardly shrink, and deflated bytes differ between versions of zlib.
    with ReproducibleZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files.items():
            archive.write(file, name)
        archive.writestr("submission.json", json.dumps(settings, indent=1, allow_nan=False) + "\n")


def _rehearsed_seconds(path: Path, competition: Competition) -> float:
    """Unpack the zip, run the checks in an isolated process, and refuse what did not hold.

    Returns:
        The projected seconds for the hidden set. They are no reason to refuse: this machine may be the slower one.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        extract(path, work / "submission")
        return _rehearsed(work, competition, "")


def _rehearse_stand_in(path: Path, network: Network, settings: dict[str, Any], competition: Competition) -> None:
    """Run the checks where the flatbuffer is missing, so that Keras predicts; with a single view, to be quick."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        extract(path, work / "submission")
        flatbuffers = [member["flatbuffer"] for member in _members(settings)]
        for name in flatbuffers:
            (work / "submission" / name).unlink()
        single = {**settings, "tta_level": 0}
        write_json(work / "submission" / "submission.json", {**single, "golden": _golden_outputs(network, single)})
        _rehearsed(work, competition, f"without {' and '.join(flatbuffers)}, as where it cannot be run: ")


def _rehearsed(work: Path, competition: Competition, circumstances: str) -> float:
    machine = Machine(competition.time_limit, competition.memory_limit)
    rehearsal = rehearse(work / "submission", golden_images(competition.image_size), work, machine, competition)
    problems = [*filter(None, [rehearsal.golden_problem()]), *rehearsal.remarks]
    if problems:
        raise KitError(f"not packaged: {circumstances}{problems[0]}")
    return rehearsal.projected_seconds
