"""Two virtual devices train as one does. In a process of its own: backend and devices are set once in each."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bloodcells.errors import KitError
from bloodcells.recipe import Phase, Recipe
from bloodcells.run import Epoch, Run
from bloodcells.training import loop
from bloodcells.training.devices import spread_over

SCRIPT = """
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

folder = Path(sys.argv[1])
one = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [one] * 2)

import keras

from bloodcells.training import loop as training
from bloodcells.competition import BLOOD_CELLS, read_competition
from bloodcells.data.cells import CellSet
from bloodcells.recipe import Phase, Recipe


def small_network(image_size, working_size, classes, dropout, backbone):
    pixels = keras.Input((image_size, image_size, 3))
    backbone = keras.Sequential(
        [keras.Input((image_size, image_size, 3)), keras.layers.Conv2D(8, 4, strides=4, activation="relu"),
         keras.layers.GlobalAveragePooling2D()],
        name="block1a",
    )
    scaled = keras.layers.Rescaling(1 / 255)(pixels)
    return keras.Model(pixels, keras.layers.Dense(classes, activation="softmax")(backbone(scaled)))


training.build_network = small_network
draw = np.random.default_rng(0)
labels = np.arange(64) % 8
blood = read_competition(BLOOD_CELLS)
images = draw.integers(0, 30 * (1 + labels[:, None, None, None]), (64, 96, 96, 3)).astype(np.uint8)
cells = CellSet(images, labels, "x", blood)
phase = Phase("all", 5, "flips", 96, batch_size=16, learning_rate=1e-2, warmup_steps=2)
for count in (1, 2):
    training.train(cells, {"clean": cells}, Recipe("scratch", (phase,)), folder / str(count),
                   training.Sitting(devices=count))
if keras.backend.backend() == "jax":
    used = keras.distribution.distribution().device_mesh.devices.size
else:
    used = len(training.spread_over(2)().__enter__().extended.parameter_devices)
print(used)
"""


def trained(backend: str, folder: Path) -> tuple[int, list[float], list[float]]:
    """How many devices the second training used, and the losses of both, by epoch."""
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    losses = ([epoch.loss for epoch in Run(folder / count).rows(Epoch)] for count in "12")
    return int(done.stdout.splitlines()[-1]), *losses


@pytest.mark.trains
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_have_the_loss_curve_of_one(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    used, one, two = trained(backend, tmp_path)
    assert used == 2
    assert one[-1] < one[0] - 0.05
    assert two == pytest.approx(one, abs=1e-3)


@pytest.mark.parametrize(
    ("gpus", "batches", "count"),
    [(0, (32,), 1), (1, (32,), 1), (2, (64, 32), 2), (3, (32,), 2), (4, (64, 30), 2), (8, (9, 9), 3), (2, (9,), 1)],
)
def test_all_gpus_are_used_that_divide_the_batches(monkeypatch, gpus, batches, count):
    phase = Phase("all", 1, "flips", 96, batch_size=1, learning_rate=1e-2)
    recipe = Recipe("scratch", tuple(replace(phase, batch_size=batch) for batch in batches))
    monkeypatch.setattr(loop, "accelerators", lambda: [f"gpu:{gpu}" for gpu in range(gpus)])
    assert loop._most_devices(recipe) == count


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(KitError, match=r"devices: expected 1 to \d+, got 99\. Here are cpu:0"):
        spread_over(99)


def test_another_backend_is_refused(monkeypatch):
    import keras

    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(KitError, match="expected the backend tensorflow or jax, got torch"):
        spread_over(2)
