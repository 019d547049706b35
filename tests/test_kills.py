"""Every verb is killed at random moments; the same command then ends with the same result, and nothing stale stays."""

import hashlib
import json
import multiprocessing
import random
import shutil
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import h5py
import pytest
from invented_runs import invented_run

from bloodcells.data.cells import save_cells
from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear

pytestmark = [pytest.mark.slow, pytest.mark.trains]
KILLS = 4
"""Of each verb."""
RECIPE = """
[[phases]]
name = "the head"
epochs = 1
policy = "flips"
working_size = 32
batch_size = 16
learning_rate = 2e-3
head_only = true

[[phases]]
name = "the whole network"
epochs = 3
policy = "flips"
working_size = 32
batch_size = 16
learning_rate = 1e-3
warmup_steps = 4
"""
SUBMISSION = """
import numpy as np

class Model:
    def predict(self, X):
        return np.array([min(int(image.mean()) // 32, 7) for image in X], int)
"""
DOWNLOAD = bytes(range(256)) * 40_000
SOURCE = ["--data", "cells.npz"]
VERBS = {
    "clean": ["clean", *SOURCE, "--out", "out"],
    "train": ["train", *SOURCE, "--recipe", "small.toml", "--init", "scratch", "--yes", "--out", "out"],
    "evaluate": ["evaluate", "--run", "out", *SOURCE, "--tta", "1"],
    "package": ["package", "--run", "run", "--out", "out/a.zip", "--tta", "0", "--backend", "keras",
                "--force"],
    "publish": ["publish", "--run", "run", "--out", "out", "--force"],
    "score": ["score", "numbers.zip", *SOURCE, "--out", "out"],
    "corrupt": ["corrupt", *SOURCE, "--out", "out"],
    "ablate": ["ablate", *SOURCE, "--arms", "flips", "--seeds", "0", "--budget", "trial", "--init", "scratch", "--yes",
               "--out", "out"],
    "fetch": ["fetch"],
    "report": ["report", "--run", "invented", "--out", "out"],
}  # fmt: skip


class Slow(BaseHTTPRequestHandler):
    """Serves the download in a second."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DOWNLOAD)))
        self.end_headers()
        try:
            for place in range(0, len(DOWNLOAD), 1 << 19):
                self.wfile.write(DOWNLOAD[place : place + (1 << 19)])
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., multiprocessing.Process]]:
    """A function that starts a verb: folder, name -> process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["small_kit"])
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"

        def begin(folder: Path, name: str) -> multiprocessing.Process:
            from small_kit import run_verb

            process = context.Process(
                target=run_verb, args=(folder, VERBS[name], address, hashlib.md5(DOWNLOAD).hexdigest())
            )
            process.start()
            return process

        yield begin
        server.shutdown()


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the verbs take."""
    folder = tmp_path_factory.mktemp("given")
    save_cells(folder / "cells.npz", draw_smear(FEWEST_CELLS).cells)
    (folder / "small.toml").write_text(RECIPE)
    with zipfile.ZipFile(folder / "numbers.zip", "w") as archive:
        archive.writestr("model.py", SUBMISSION)
    invented_run(folder / "invented")
    return folder


@pytest.fixture(scope="module")
def trained(start, given: Path) -> Path:
    """The same, and a trained run."""
    folder = shutil.copytree(given, given.with_name("trained"))
    ended(start(folder, "train"), folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(start, trained: Path) -> Path:
    """The same, and the run is evaluated and has another name."""
    folder = shutil.copytree(trained, trained.with_name("evaluated"))
    ended(start(folder, "evaluate"), folder)
    (folder / "out").rename(folder / "run")
    return folder


def ended(process: multiprocessing.Process, folder: Path) -> None:
    process.join(300)
    assert process.exitcode == 0, (folder / "log.txt").read_text()[-3000:]


def without_times(value: Any) -> Any:
    """JSON without what differs from run to run: times, memory, hardware."""
    if isinstance(value, dict):
        return {
            key: without_times(one)
            for key, one in value.items()
            if not any(word in key for word in ("second", "duration", "memory", "environment"))
        }
    return [without_times(one) for one in value] if isinstance(value, list) else value


def content(path: Path) -> Any:
    """What must be the same after a kill."""
    if path.suffix == ".h5":
        arrays = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, one: arrays.update({name: one[()].tobytes()} if isinstance(one, h5py.Dataset) else {})
            )
        return {name: hashlib.md5(array).hexdigest() for name, array in arrays.items()}
    if path.suffix in (".json", ".jsonl") and path.name != "ablation.json":
        return [
            without_times(json.loads(line))
            for line in ([path.read_text()], path.read_text().splitlines())[path.suffix == ".jsonl"]
        ]
    if path.suffix in (".csv", ".npz", ".npy", ".zip"):
        return hashlib.md5(path.read_bytes()).hexdigest()
    return None


def contents(folder: Path) -> dict[str, Any]:
    """Of each file that a verb has written."""
    written = [path for name in ("out", "data") for path in (folder / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): content(path) for path in written if "logs" not in path.parts}


@pytest.mark.parametrize("name", VERBS)
def test_a_killed_verb_goes_on_to_the_same_result(start, request, tmp_path, name) -> None:
    needed = {"evaluate": "trained", "package": "evaluated", "publish": "evaluated"}
    inputs, whole = request.getfixturevalue(needed.get(name, "given")), tmp_path / "whole"
    shutil.copytree(inputs, whole)
    began = time.monotonic()
    ended(start(whole, name), whole)
    seconds, wanted, happened = time.monotonic() - began, contents(whole), Counter[str]()
    assert wanted
    draw = random.Random(f"{name}")
    for turn in range(KILLS):
        folder = tmp_path / str(turn)
        shutil.copytree(inputs, folder)
        process = start(folder, name)
        process.join(seconds * draw.uniform(0.1, 0.95))
        happened["killed" if process.exitcode is None else "too late"] += 1
        process.kill()
        process.join()
        before = contents(folder)
        happened["stale"] += sum(".part-" in path or "/tmp" in path for path in before)
        if not (name == "corrupt" and "out/manifest.json" in before):
            ended(start(folder, name), folder)
        found = contents(folder)
        assert sorted(found) == sorted(wanted)
        assert [path for path in wanted if found[path] != wanted[path]] == []
        shutil.rmtree(folder)
        print(f"{name}: {turn}, {dict(happened)} of {seconds:.0f} s", flush=True)
