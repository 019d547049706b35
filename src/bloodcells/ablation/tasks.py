"""The arms of an ablation as tasks of Ray, for those with more machines than one.

Ray schedules, repeats what a lost machine was doing, and knows each machine's devices. It is an optional extra of the
kit (``pip install "bloodcells[ray]"``) and imported only here.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bloodcells.ablation.experiment import Experiment, run_arm
from bloodcells.errors import KitError


def run_arms_on_ray(
    experiment: Experiment, work: Sequence[tuple[str, int]], address: str, cpus: int, gpus: float
) -> Iterator[Path]:
    """Run every (arm, seed) of ``work`` on a Ray cluster; yield the path of each record as it is written.

    Args:
        experiment: its folder must be the same on every machine (a shared file system).
        work: arms with their seeds.
        address: the address of a running cluster, ``auto`` for the one of this machine, or ``local`` to start one here.
        cpus: processor cores that a task is given.
        gpus: GPUs that a task is given; 0 for none.

    Raises:
        KitError: Ray is not installed, the cluster does not answer, or an arm failed there.
    """
    try:
        import ray
    except ImportError as error:
        raise KitError('ray is not installed: expected the extra "ray". Run pip install "bloodcells[ray]".') from error
    try:
        ray.init(address=address, log_to_driver=False, ignore_reinit_error=True)
    except (ConnectionError, ValueError) as error:
        raise KitError(f"no Ray cluster at {address} ({error}). Start one with ray start --head.") from error
    shared = ray.put(experiment)
    task = ray.remote(num_cpus=cpus, num_gpus=gpus)(run_arm)
    running = [task.remote(shared, arm, seed) for arm, seed in work]
    try:
        while running:
            done, running = ray.wait(running)
            yield ray.get(done[0])
    except ray.exceptions.RayTaskError as error:
        raise KitError(f"an arm failed on the cluster: {error.cause}. The records of the others are kept.") from error
    finally:
        ray.shutdown()
