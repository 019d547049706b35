"""Weight soup: is the average of several trainings better than each? (Wortsman et al. 2022, arXiv:2203.05482)

    python tests/benchmarks/weight_soup.py --data data/training_set.npz --init data/FILE.h5 \
        --out runs/ablation --json reports/weight_soup.json

Trains one arm of the ablation with several seeds from its shared start, with the ablation's cells and steps, and
measures each network, their soup and, for comparison, the mean of their probabilities, which costs a pass for each. A
few minutes for each seed on a CPU core, and as long as the ablation's for a start that is not there; a run that was
cut off goes on.
"""

import argparse
from pathlib import Path

import numpy as np
from accuracies import print_accuracies

from bloodcells import walk
from bloodcells.ablation.arms import RECIPE_BASELINE, arm_named
from bloodcells.ablation.budget import budget
from bloodcells.ablation.experiment import prepare_experiment
from bloodcells.cleaning import CleaningSettings
from bloodcells.competition import chosen_competition
from bloodcells.data.sources import open_source
from bloodcells.environment import describe_environment
from bloodcells.files import write_json
from bloodcells.network.inference import predict_probabilities
from bloodcells.training.loop import train


def main() -> None:
    """Train, average, print what each scores, write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="the cells")
    parser.add_argument("--init", required=True, help="where the shared start begins, as --init of the verbs")
    parser.add_argument("--arm", default=RECIPE_BASELINE)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, required=True, help="folder of an ablation, or of a new one")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parts = walk.prepare(open_source(options.data, Path("data"), chosen_competition()), options.out, CleaningSettings())
    means = budget("cpu")
    experiment = prepare_experiment(parts.train, parts.validation, means, options.init, options.out)
    sets = experiment.paired_sets()
    accuracy: dict[str, dict[str, float]] = {}

    def keep(words: str, probabilities: dict[str, np.ndarray]) -> None:
        accuracy[words] = print_accuracies(words, probabilities, sets["clean"].labels)

    weights, found = [], []
    for seed in options.seeds:
        config = means.arm_recipe(arm_named(options.arm), seed, str(experiment.start))
        network = train(experiment.training, {}, config, options.out / "soup" / f"{options.arm}-{seed}")
        weights.append(network.get_weights())
        found.append({name: predict_probabilities(network, cells.images) for name, cells in sets.items()})
        keep(f"seed {seed}", found[-1])
    network.set_weights([np.mean(tensors, axis=0) for tensors in zip(*weights, strict=True)])
    keep("soup", {name: predict_probabilities(network, cells.images) for name, cells in sets.items()})
    keep("mean of probabilities", {name: np.mean([one[name] for one in found], axis=0) for name in sets})
    if options.json:
        write_json(
            options.json,
            {
                "arm": options.arm,
                "images": len(experiment.validation),
                "init": Path(options.init).name,
                "accuracy": accuracy,
                "environment": describe_environment(),
            },
        )


if __name__ == "__main__":
    main()
