"""What could be done at test time, and what it gives: views, input size, BatchNorm statistics, temperature.

    python tests/benchmarks/prediction_choices.py --run runs/NAME --data data/training_set.npz \
        --json reports/prediction_choices.json

On the validation cells of a run: clean, composite, and mixed, which holds half of either. A further view is averaged
with the eight orientations. Re-estimated: every
BatchNorm takes its statistics from the cells that are predicted (Schneider et al. 2020, arXiv:2006.16971), wholly
or halfway. Temperature: fitted on the first half of the cells, its calibration error measured on the second. Some
minutes on a CPU.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from accuracies import print_accuracies
from PIL import Image, ImageFilter, ImageOps
from scipy.optimize import minimize_scalar

from bloodcells import walk
from bloodcells.competition import chosen_competition
from bloodcells.data.sources import open_source
from bloodcells.environment import describe_environment
from bloodcells.files import write_json
from bloodcells.measuring.evaluation import evaluate
from bloodcells.network.inference import TTA_VIEWS, predict_probabilities
from bloodcells.network.network import backbone_of, build_network
from bloodcells.run import Config, Run

LARGER = (1.25, 1.5)
BATCH_SIZE = 256  # whose activations take 10 GB at 96 px
SHARES = (0.5, 1.0)
FURTHER: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blurred, sigma 0.7": lambda picture: picture.filter(ImageFilter.GaussianBlur(0.7)),
    "median of 3 x 3": lambda picture: picture.filter(ImageFilter.MedianFilter(3)),
    "contrast stretched": lambda picture: ImageOps.autocontrast(picture, cutoff=1, preserve_tone=True),
    "channels stretched": lambda picture: ImageOps.autocontrast(picture, cutoff=1),
    "enlarged by 1.25": lambda picture: zoomed(picture, 1.25),
    "shrunk by 1.25": lambda picture: zoomed(picture, 0.8),
}
"""Pictures that could be seen beside the eight orientations."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="a complete run folder")
    parser.add_argument("--data", required=True, help="the cells of the run")
    parser.add_argument("--images", type=int, default=1_000_000, help="of each set, at most")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parts = walk.parts_of(options.run, open_source(options.data, Path("data"), chosen_competition()))
    whole = parts.sets("validation")
    count = min(options.images, len(whole["clean"]))
    labels = whole["clean"].labels[:count]
    sets = {name: cells.images[:count] for name, cells in whole.items()}
    odd = (np.arange(count) % 2 == 1)[:, None, None, None]
    sets["mixed"] = np.where(odd, sets["clean"], sets["composite"])

    run = Run(options.run)
    network, size = run.network(), run.read(Config).recipe.working_size
    rows: list[dict[str, Any]] = []

    def measure(choice: str, predict: Any) -> dict[str, np.ndarray]:
        return keep(choice, {name: predict(images) for name, images in sets.items()})

    def keep(choice: str, probabilities: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows.append({"choice": choice, "accuracy": print_accuracies(choice, probabilities, labels)})
        return probabilities

    for level, views in enumerate(TTA_VIEWS):
        words = f"{views} view{'s' if views > 1 else ''}"
        most = measure(words, lambda images, at=level: predict_probabilities(network, images, at))
    for words, change in FURTHER.items():
        changed = {name: np.stack([np.asarray(change(Image.fromarray(one))) for one in images])
                   for name, images in sets.items()}  # fmt: skip
        keep(
            f"{views} views and one {words}",
            {
                name: (views * most[name] + predict_probabilities(network, images)) / (views + 1)
                for name, images in changed.items()
            },
        )
    for times in LARGER:
        larger = at_size(network, round(size * times))
        measure(f"seen at {round(size * times)} px", lambda images, by=larger: predict_probabilities(by, images))
    for share in SHARES:
        words = "BatchNorm re-estimated" + ("" if share == 1 else f", {share:.0%}")
        measure(words, lambda images, at=share: predict_probabilities(re_estimated(network, size, images, at), images))
    record = {
        "run": options.run.resolve().name,
        "images": count,
        "working_size": size,
        "rows": rows,
        "temperature": temperature(network, sets, labels),
        "environment": describe_environment(),
    }
    print(record["temperature"])
    if options.json:
        write_json(options.json, record)


def zoomed(picture: Image.Image, factor: float) -> Image.Image:
    """The picture about its centre, mirrored at its border."""
    side = picture.width
    padded = Image.fromarray(np.pad(np.asarray(picture), ((side // 2,) * 2, (side // 2,) * 2, (0, 0)), mode="reflect"))
    low, high = side - side / (2 * factor), side + side / (2 * factor)
    return padded.transform((side, side), Image.Transform.EXTENT, (low, low, high, high), Image.Resampling.BILINEAR)


def at_size(network: keras.Model, size: int) -> keras.Model:
    """The same weights in a network that works at another size."""
    resized = build_network(network.input_shape[1], size, network.output_shape[-1])
    resized.set_weights(network.get_weights())
    return resized


def re_estimated(network: keras.Model, size: int, images: np.ndarray, share: float) -> keras.Model:
    """A copy whose BatchNorm statistics are, by ``share``, those of ``images``."""
    copy = at_size(network, size)
    shuffled = np.random.default_rng(0).permutation(len(images))
    layers = backbone_of(copy).layers
    normalizations = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    before = [layer.get_weights() for layer in normalizations]
    for count, start in enumerate(range(0, len(images), BATCH_SIZE)):
        for layer in normalizations:
            layer.momentum = count / (count + 1)  # the mean over the batches
        copy(images[shuffled[start : start + BATCH_SIZE]].astype(np.float32), training=True)
    for layer, old in zip(normalizations, before, strict=True):
        new = layer.get_weights()
        blends = (share * after + (1 - share) * was for after, was in zip(new[-2:], old[-2:], strict=True))
        layer.set_weights([*old[:-2], *blends])
    return copy


def temperature(network: keras.Model, sets: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, Any]:
    """Temperature fitted on the first half of the mixed cells; calibration error of each set's second half."""
    half = len(labels) // 2
    logs = {name: np.log(predict_probabilities(network, images)) for name, images in sets.items()}

    def scaled(values: np.ndarray, by: float) -> np.ndarray:
        powers = np.exp((values - values.max(axis=1, keepdims=True)) / by)
        return powers / powers.sum(axis=1, keepdims=True)

    def surprise(by: float) -> float:
        found = scaled(logs["mixed"][:half], by)
        return -float(np.log(found[np.arange(half), labels[:half]]).mean())

    fitted = float(minimize_scalar(surprise, bounds=(0.1, 5.0), method="bounded").x)
    errors = {
        name: [evaluate(labels[half:], scaled(values[half:], by))["calibration_error"] for by in (1.0, fitted)]
        for name, values in logs.items()
    }
    return {"temperature": round(fitted, 3), "calibration_error": errors}


if __name__ == "__main__":
    main()
