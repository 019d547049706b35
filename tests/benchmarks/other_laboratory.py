"""What helps on cells of another laboratory, and what it costs at home: scale, colour, BatchNorm statistics, views.

    python tests/benchmarks/other_laboratory.py --external FOLDER --data data/training_set.npz \
        --json reports/external/choices.json

Each choice is measured on the labelled pictures of FOLDER; where it puts no more labels wrong than right there, also
on validation cells of the kit's weights: clean, composite, and clean with a folder for each class, where statistics
over all pictures of a folder are most astray. The hold-out is not touched. Each is paired with the pictures as they
are, eight gated views: the labels that it puts right, those that it puts wrong, and the exact test of McNemar. The
colours of home are those of training cells. An hour on a CPU core; a run that was cut off goes on.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from colour_changes import (
    Change,
    grey_world,
    ground_balanced,
    macenko,
    quantiles,
    reinhard,
    stain_strength,
    unchanged,
)
from PIL import Image
from prediction_choices import BATCH_SIZE, re_estimated, zoomed
from scipy.stats import binomtest

from bloodcells import walk
from bloodcells.cleaning import CleaningSettings
from bloodcells.codabench.conversion import to_flatbuffer
from bloodcells.data.sources import Reading, open_source
from bloodcells.data.sources.pictures import Fit
from bloodcells.environment import describe_environment
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_json
from bloodcells.measuring.evaluation import balanced_accuracy
from bloodcells.measuring.external import Share
from bloodcells.network.flatbuffer import Flatbuffer
from bloodcells.network.inference import TTA_VIEWS, Network, predict_probabilities
from bloodcells.run import SETS, Config, HandedOn, Run
from bloodcells.training.start import KIT

EXTERNAL, BY_CLASS = "external", "by class"
LEVEL = 2
CROPS = (0.9, 0.8, 0.7, 0.6)
SCALES = (1 / CROPS[1], 1.0, 0.8)
HOME_CELLS = 1500  # training cells that the colours of home are taken from


@dataclass(frozen=True)
class Choice:
    """What is done to pictures before and while they are predicted.

    Attributes:
        words: its name.
        change: of their colours.
        whole: whether it depends on the other pictures of the folder.
        scales: at which they are seen, enlarged above 1; the probabilities are averaged.
        level: of test-time augmentation.
        adapted: the share by which BatchNorm takes its statistics from the folder.
    """

    words: str
    change: Change = unchanged
    whole: bool = False
    scales: tuple[float, ...] = (1.0,)
    level: int = LEVEL
    adapted: float = 0.0


def choices(home: np.ndarray) -> list[Choice]:
    """Everything that is tried, the pictures as they are first; ``home`` is (N, S, S, 3) training cells."""
    colours = [
        Choice(f"{words}, by {'picture' if each else 'folder'}", change(home, each), not each)
        for words, change in (
            ("ground as at home", ground_balanced),
            ("grey world", grey_world),
            ("Reinhard", reinhard),
            ("ground and strength of stain", stain_strength),
        )
        for each in (True, False)
    ]
    colours += [
        Choice("Macenko, by folder", macenko(home), True),
        Choice("quantiles of the channels, by folder", quantiles(home), True),
        Choice("half way to these quantiles", quantiles(home, 0.5), True),
    ]
    averaged = [colours[1], *colours[-2:]]
    return [
        Choice("as they are"),
        *(Choice(f"{TTA_VIEWS[level]} view{'s' * (level > 0)}", level=level) for level in (0, 1)),
        *(Choice(f"crop={share}", scales=(1 / share,)) for share in CROPS),
        *(Choice(f"shrunk to {scale}", scales=(scale,)) for scale in (0.9, 0.8)),
        Choice("three scales", scales=SCALES),
        *colours,
        *(Choice(f"BatchNorm re-estimated, {share:.0%}", whole=True, adapted=share) for share in (0.5, 1.0)),
        *(Choice(f"{one.words}, three scales", one.change, one.whole, SCALES) for one in averaged),
    ]


class Pictures:
    """The pictures of one folder at any scale.

    Attributes:
        labels: (N,) integers.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, larger: Mapping[float, np.ndarray] | None = None):
        """From (N, S, S, 3) uint8; ``larger`` holds them at scales at which the files show more than these."""
        self.labels = labels
        self._at = {1.0: images, **(larger or {})}

    def at(self, scale: float) -> np.ndarray:
        """Seen enlarged by ``scale``; what lies outside is the mirror of what lies inside."""
        if scale not in self._at:
            seen = [np.asarray(zoomed(Image.fromarray(one), scale)) for one in self._at[1.0]]
            self._at[scale] = np.stack(seen)
        return self._at[scale]


@dataclass(frozen=True)
class Networks:
    """The network in the form that predicts fast, and in the form that can be adapted."""

    fast: Network
    network: keras.Model
    size: int
    gates: Sequence[float | None]

    def predict(self, choice: Choice, folder: Pictures) -> np.ndarray:
        """Probabilities, (N, C)."""
        asked, batch = self.fast, 8
        if choice.adapted:
            images = folder.at(1.0)
            whole_batches = images[: len(images) // BATCH_SIZE * BATCH_SIZE or None]
            asked, batch = re_estimated(self.network, self.size, whole_batches, choice.adapted), 64
        seen = [choice.change(folder.at(scale)) for scale in choice.scales]
        gate = self.gates[choice.level]
        return np.mean([predict_probabilities(asked, one, choice.level, batch, gate) for one in seen], axis=0)


def main() -> None:
    """Measure every choice, print a line for each, write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--external", required=True, help="labelled pictures from elsewhere")
    parser.add_argument("--data", required=True, help="the cells of the kit's weights")
    parser.add_argument("--every", type=int, default=1, help="validation cell (default: 1, all of them)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    run = Run(KIT)
    with tempfile.TemporaryDirectory() as work:
        networks = opened(run, Path(work))
        training, at_home = home(run, options.data, Path(work) / "parts", options.every)
    folders = {EXTERNAL: [elsewhere(run, options.external)], **at_home}
    known = read_json(options.json)["rows"] if options.json and options.json.exists() else []
    head = {"weights": run.read(HandedOn).sha256, "environment": describe_environment()}
    for rows in measured(networks, choices(training), folders, known):
        print(in_words(rows[-1]), flush=True)
        if options.json:
            write_json(options.json, {**head, "rows": rows})


def opened(run: Run, work: Path) -> Networks:
    """The network of a run, converted in the folder ``work``."""
    network, path = run.network(), work / "network.tflite"
    path.write_bytes(to_flatbuffer(network))
    gates = [run.gate(views) for views in TTA_VIEWS]
    return Networks(Flatbuffer(path), network, run.read(Config).recipe.working_size, gates)


def home(run: Run, data: str, work: Path, every: int) -> tuple[np.ndarray, dict[str, list[Pictures]]]:
    """Training cells, whose colours are those of home, and the folders of validation cells by set."""
    config = run.read(Config)
    parts = walk.prepare(open_source(data, Path("data"), config.competition), work, CleaningSettings())
    if parts.train.sha256 != config.data_sha256:
        raise KitError(f"{data} is not what the weights were trained on. Give the same --data.")
    sets = {name: (cells.images[::every], cells.labels[::every]) for name, cells in parts.sets("validation").items()}
    images, labels = sets["clean"]
    folders = {name: [Pictures(*of)] for name, of in sets.items()}
    folders[BY_CLASS] = [Pictures(images[labels == one], labels[labels == one]) for one in np.unique(labels)]
    return parts.train.images[:: len(parts.train) // HOME_CELLS], folders


def elsewhere(run: Run, folder: str) -> Pictures:
    """The labelled pictures of a folder; enlarged, they are cut from the files."""
    competition = run.read(Config).competition
    cells = {
        share: open_source(folder, Path("data"), competition, reading=Reading(Fit("crop", share), fewest=0))
        for share in (1.0, *CROPS)
    }
    larger = {1 / share: cells[share].images for share in CROPS}
    return Pictures(cells[1.0].images, cells[1.0].labels, larger)


def measured(
    networks: Networks,
    tried: Sequence[Choice],
    folders: Mapping[str, Sequence[Pictures]],
    known: Sequence[dict[str, Any]],
) -> Iterator[list[dict[str, Any]]]:
    """A row for each choice, paired with the first of them; all so far after each. Those in ``known`` are kept."""
    before: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    by_words = {row["choice"]: row for row in known}
    for choice in tried:
        if before and choice.words in by_words:
            rows.append(by_words[choice.words])
            continue
        row: dict[str, Any] = {"choice": choice.words}
        for name, of in folders.items():
            if (name == BY_CLASS and not choice.whole and row["choice"] != tried[0].words) or hurts(row):
                continue
            probabilities = np.concatenate([networks.predict(choice, one) for one in of])
            labels = np.concatenate([one.labels for one in of])
            right = probabilities.argmax(axis=1) == labels
            row[name] = paired(right, before.setdefault(name, right))
            if name == EXTERNAL:
                found = probabilities.argmax(axis=1)
                row["balanced_accuracy"] = balanced_accuracy(labels, found, probabilities.shape[1])
        rows.append(row)
        yield rows


def hurts(row: Mapping[str, Any]) -> bool:
    """Whether a choice puts fewer labels right elsewhere than wrong."""
    return EXTERNAL in row and row[EXTERNAL]["gained"] < row[EXTERNAL]["lost"]


def paired(right: np.ndarray, before: np.ndarray) -> dict[str, Any]:
    """How many are right, with Wilson's interval, and how they differ from ``before``, with McNemar's exact p."""
    gained, lost = int((right & ~before).sum()), int((before & ~right).sum())
    p = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return {**asdict(Share.of(int(right.sum()), len(right))), "gained": gained, "lost": lost, "p": p}


def in_words(row: Mapping[str, Any]) -> str:
    """One line."""
    found = [
        f"{name} {one['right'] / one['images']:.4f} (+{one['gained']} -{one['lost']}, p = {one['p']:.2g})"
        for name, one in row.items()
        if name in (EXTERNAL, *SETS, BY_CLASS)
    ]
    return f"{row['choice']}: {', '.join(found)}, balanced {row['balanced_accuracy']:.3f}"


if __name__ == "__main__":
    main()
