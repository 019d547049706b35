"""The verbs for research."""

from argparse import Namespace
from pathlib import Path

from bloodcells.cli import options
from bloodcells.cli.verb import Group, option
from bloodcells.errors import say
from bloodcells.files import claim
from bloodcells.lock import lock_in

GROUP = Group("research")


@GROUP.verb(
    "ablate",
    "train one arm for each augmentation policy and compare them; goes on where it stopped",
    lambda told: f"Comparing augmentations on {told.data} in {told.out}.",
    *options.SOURCE,
    option("--arms", nargs="+", default=["flips", "randaugment", "augmix", "mixup", "cutmix", "gaussian_noise"],
           metavar="ARM", help="policies, or changes to the recipe; all for every policy, recipes for every change "
           "(default: flips, the published system's five)"),
    option("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="SEED", help="(default: 0 1 2)"),
    option("--budget", default="cpu", help="cpu: some minutes for an arm on 2 cores; gpu: every cell at full size; "
           "trial: seconds, for no conclusion; or a TOML file (default: cpu)"),
    options.INIT,
    option("--external", dest="also", metavar="FOLDER", help="measure every arm on labelled pictures from elsewhere "
           "too"),
    option("--out", type=Path, required=True, help="folder of the ablation; its report/ holds the page"),
    option("--ray", metavar="ADDRESS", help="run the arms as tasks of a Ray cluster: its address, auto, or local; "
           "needs the extra ray and a folder that all machines share"),
    option("--ray-cpus", type=int, default=2, help="cores for a task of Ray (default: 2)"),
    option("--ray-gpus", type=float, default=0, help="GPUs for a task of Ray (default: 0)"),
    *options.CLEANING,
    fewest=2,
)  # fmt: skip
def _ablate(told: Namespace) -> None:
    from bloodcells import walk
    from bloodcells.ablation.arms import RECIPE_BASELINE, RECIPES
    from bloodcells.ablation.budget import budget
    from bloodcells.ablation.experiment import nearness, pending, prepare_experiment, run_arm
    from bloodcells.ablation.tasks import run_arms_on_ray
    from bloodcells.augmentation.policies import POLICIES
    from bloodcells.pages.ablation_page import draw_ablation
    from bloodcells.training.start import starting_point

    groups = {"all": POLICIES, "recipes": (RECIPE_BASELINE, *RECIPES)}
    arms = groups.get(told.arms[0], told.arms) if len(told.arms) == 1 else told.arms
    work = pending(told.out, arms, told.seeds)
    say(f"{len(work)} of {len(arms) * len(told.seeds)} arms and seeds are to be trained.")
    external = told.also and options.pictures_from_elsewhere(told.also, options.competition(told), told)
    claim(told.out, ("start", "runs", "records", "report"))
    parts = walk.prepare(options.cells(told), told.out, options.cleaning(told))
    init = starting_point(told.init, told.data, told.out / "start")
    say(f"The weights start from {init}.")
    experiment = prepare_experiment(parts.train, parts.validation, budget(told.budget), init, told.out, external)
    if told.ray:
        written = run_arms_on_ray(experiment, work, told.ray, told.ray_cpus, told.ray_gpus)
    else:
        written = (run_arm(experiment, arm, seed) for arm, seed in work)
    for count, path in enumerate(written, start=1):
        say(f"{count} of {len(work)}: {path}")
    title = parts.train.competition.title
    say(draw_ablation(told.out, told.out / "report", nearness(), title, parts.validation))


@GROUP.verb(
    "corrupt",
    "write frozen corrupted copies of a set of cells, with checksums",
    lambda told: f"Corrupting {told.data} into {told.out}.",
    *options.SOURCE,
    option("--seed", type=int, default=0, help="the seed of the corruption"),
    option("--out", type=Path, required=True, help="folder for the copies"),
)
def _corrupt(told: Namespace) -> None:
    from bloodcells.corruption import write_benchmark

    manifest = write_benchmark(options.cells(told), told.out, told.seed)
    say(f"The corrupted copies lie beside their checksums in {manifest}.")


@GROUP.verb(
    "publish",
    "copy a run's weights at half precision, with its records, to hand them on",
    lambda told: f"Copying the weights of {told.run} to {told.out}.",
    options.ONE_RUN,
    option("--out", type=Path, required=True, help="folder for them; package reads it like a run"),
    option("--note", default="", help="how the weights were made, where the records do not say it"),
    options.FORCE,
)
def _publish(told: Namespace) -> None:
    from bloodcells.weights.publishing import publish_weights

    published = publish_weights(told.run, told.out, told.force, told.note)
    say(f"{told.out / published.file} has {published.bytes:,} bytes at half precision, which changes a probability "
        f"by at most {published.largest_change_of_a_probability:.2g}; sha256 {published.sha256}.")  # fmt: skip


@GROUP.verb(
    "fetch",
    "download BloodMNIST into data/, and verify its checksum",
    lambda told: "Fetching BloodMNIST, 0.5 GB.",
    lock=lambda told: lock_in(options.DATA),
)
def _fetch(told: Namespace) -> None:
    from bloodcells.data.sources.bloodmnist import fetch_bloodmnist

    say(fetch_bloodmnist(options.DATA))
