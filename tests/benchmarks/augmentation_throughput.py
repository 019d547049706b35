"""What every augmentation policy gives in a second, beside what a training step takes, in one run.

    python tests/benchmarks/augmentation_throughput.py --data data/training_set.npz --json throughput.json
    python tests/benchmarks/augmentation_throughput.py --policies flips full       (on the synthetic smear)

The pipeline must not be what training waits for: it should give at least three times the training step's images. Both
use every core. They take turns, in several rounds, so that a busy machine slows both alike; the figures are medians
over the rounds, and the ratio is what to go by. The step trains the whole of EfficientNetB3 at 64 px with AdamW on one
batch that is there already; some minutes for all policies on 2 cores.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bloodcells.augmentation.pipeline import training_batches
from bloodcells.augmentation.policies import POLICIES
from bloodcells.competition import chosen_competition
from bloodcells.data.cells import CellSet, load_cells
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.environment import accelerators, describe_environment
from bloodcells.files import write_json
from bloodcells.network.network import build_network
from bloodcells.pages.tables import markdown_table

BUFFERED = 6
"""Batches that may lie ready when a turn begins; they are taken before the clock starts."""
FLOOR = 3
"""Times the training step that a pipeline should give."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a training set; without one, the synthetic smear")
    parser.add_argument("--policies", nargs="+", default=POLICIES, choices=POLICIES, metavar="POLICY")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--working-size", type=int, default=64, help="of the training step, pixels")
    parser.add_argument("--batches", type=int, default=20, help="of a policy's turn")
    parser.add_argument("--steps", type=int, default=4, help="of the training step's turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cells = load_cells(options.data, chosen_competition()) if options.data else draw_smear(1_000).cells
    step = training_step(cells, options.batch_size, options.working_size)
    measured = measure(
        cells, options.policies, step, options.batch_size, options.batches, options.steps, options.rounds
    )
    result = {
        "data": cells.origin,
        "working_size": options.working_size,
        **measured,
        "environment": describe_environment(),
    }
    print(table(result))
    if options.json:
        write_json(options.json, result)


def measure(
    cells: CellSet,
    policies: Sequence[str],
    step: Callable[[], object],
    batch_size: int,
    batches: int,
    steps: int,
    rounds: int,
) -> dict[str, Any]:
    """Images a second of ``step`` and of each policy's pipeline, in turns.

    Args:
        cells: what is augmented.
        policies: by name.
        step: trains on ``batch_size`` images.
        batch_size: images of a batch.
        batches: timed batches of a policy in each round.
        steps: timed steps in each round.
        rounds: turns of each.

    Returns:
        The sizes, and for ``training`` and each of ``policies`` the median and every round; a policy's ``times`` are
        its median over that of training.
    """
    # A cell of an AugMix batch comes in three views; what counts is how many cells are served.
    pipelines = {policy: iter(training_batches(cells, policy, batch_size, 0, 0, 1_000_000)) for policy in policies}
    for one in pipelines.values():
        next(one)  # traces its graph
    step()
    training: list[float] = []
    served: dict[str, list[float]] = {policy: [] for policy in policies}
    for _ in range(rounds):
        training.append(batch_size * steps / _seconds(lambda: [step() for _ in range(steps)]))
        for policy, pipeline in pipelines.items():
            _take(pipeline, BUFFERED)
            served[policy].append(batch_size * batches / _seconds(lambda it=pipeline: _take(it, batches)))
    reference = float(np.median(training))
    return {
        "batch_size": batch_size,
        "rounds": rounds,
        "training": _figures(training),
        "policies": {
            policy: {**_figures(rates), "times": round(float(np.median(rates)) / reference, 2)}
            for policy, rates in served.items()
        },
    }


def training_step(cells: CellSet, batch_size: int, working_size: int) -> Callable[[], object]:
    """One step of training the whole network on the first ``batch_size`` cells, compiled as training compiles it."""
    network = build_network(cells.competition.image_size, working_size, len(cells.competition.classes), 0.2)
    optimizer = keras.optimizers.AdamW(1e-4, weight_decay=0.01, clipnorm=1.0)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    network.compile(optimizer, loss, metrics=["accuracy"], jit_compile=bool(accelerators()))
    pixels = cells.images[:batch_size].astype(np.float32)
    labels = np.eye(len(cells.competition.classes), dtype=np.float32)[cells.labels[:batch_size]]
    return lambda: network.train_on_batch(pixels, labels)


def table(result: dict[str, Any]) -> str:
    training = result["training"]
    rows: list[tuple[object, ...]] = [("the training step", f"{training['images_per_second']:,.0f}", "1.0", "")]
    for policy, figures in result["policies"].items():
        enough = "yes" if figures["times"] >= FLOOR else "no"
        rows.append((policy, f"{figures['images_per_second']:,.0f}", f"{figures['times']:.1f}", enough))
    environment = result["environment"]
    return (
        f"{result['data']}, batches of {result['batch_size']}, training at {result['working_size']} px, medians of "
        f"{result['rounds']} rounds, {environment['cores']} cores ({environment['cpu']})\n\n"
        + markdown_table(("policy", "images/s", "times training", f"at least {FLOOR} times"), rows)
    )


def _figures(rates: Sequence[float]) -> dict[str, Any]:
    return {"images_per_second": round(float(np.median(rates)), 1), "by_round": [round(rate, 1) for rate in rates]}


def _take(pipeline: Iterator[object], count: int) -> None:
    for _ in itertools.islice(pipeline, count):
        pass


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
