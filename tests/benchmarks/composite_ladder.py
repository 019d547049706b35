"""Where the composite corruption stands on the competition's ladder: without augmentation, and with RandAugment.

    python tests/benchmarks/composite_ladder.py --data data/training_set.npz --init data/FILE.h5 \
        --out runs/ladder --json reports/composite_ladder.json

On the ladder a fine-tuned network without augmentation scored 0.60 to 0.70, one with RandAugment 0.85 to 0.90. Both
are trained here at 64 px, the second from the first, and measured on the validation cells. About 25 minutes on a CPU
core; a run that was cut off goes on.
"""

import argparse
from pathlib import Path

from accuracies import print_accuracies

from bloodcells import walk
from bloodcells.ablation.budget import budget
from bloodcells.cleaning import CleaningSettings
from bloodcells.competition import chosen_competition
from bloodcells.data.sources import open_source
from bloodcells.environment import describe_environment
from bloodcells.files import WEIGHTS, write_json
from bloodcells.network.inference import predict_probabilities
from bloodcells.recipe import Phase, Recipe
from bloodcells.training.loop import train


def main() -> None:
    """Train the two networks, print what they score, write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="the cells")
    parser.add_argument("--init", required=True, help="where the weights start, as --init of the verbs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the two runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parts = walk.prepare(open_source(options.data, Path("data"), chosen_competition()), options.out, CleaningSettings())
    configs = {
        "none": budget("cpu").start_recipe(options.init),
        "randaugment": Recipe(
            init=str(options.out / "none" / WEIGHTS),
            phases=(Phase("randaugment", 4, "randaugment", 64, batch_size=32, learning_rate=7e-4, warmup_steps=100),),
        ),
    }
    sets = parts.sets("validation")
    accuracy: dict[str, dict[str, float]] = {}
    for policy, config in configs.items():
        network = train(parts.train, {}, config, options.out / policy)
        found = {name: predict_probabilities(network, cells.images) for name, cells in sets.items()}
        accuracy[policy] = print_accuracies(policy, found, parts.validation.labels)
    if options.json:
        write_json(
            options.json,
            {
                "images": len(parts.validation),
                "init": Path(options.init).name,
                "epochs": {policy: config.epochs for policy, config in configs.items()},
                "accuracy": accuracy,
                "environment": describe_environment(),
            },
        )


if __name__ == "__main__":
    main()
