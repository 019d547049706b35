"""How many images a second EfficientNetB3 trains at on a CPU: as Keras has it, with freed memory kept, and as the kit.

    python tests/benchmarks/training_speed.py --json reports/speed/training.json

Every row is a process of its own, which trains in the three ways by turns, so that a busy machine slows them alike. The
kit keeps freed memory and has layers of its own for a CPU. Whole network, AdamW, no augmentation. Some four minutes a
row.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SIZES = (64, 96)
TURNS = 5
STEPS = 6


def main() -> None:
    """Measure, print the table, write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="pixels")
    parser.add_argument("--threads", type=int, nargs="+", default=(1, os.cpu_count() or 1), help="of TensorFlow")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(measure(options.sizes[0], options.batch)))
        return
    rows = [in_a_process(size, threads, options.batch) for size in options.sizes for threads in options.threads]
    print(table(rows))
    if options.json:
        from bloodcells.environment import describe_environment
        from bloodcells.files import write_json

        write_json(options.json, {"environment": describe_environment(), "turns": TURNS, "rows": rows})


def in_a_process(size: int, threads: int, batch: int) -> dict[str, Any]:
    """One row: `measure` where TensorFlow has ``threads`` threads."""
    command = [sys.executable, __file__, "--row", "--sizes", str(size), "--batch", str(batch)]
    given = {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=True)
    return {"size": size, "threads": threads, "batch": batch, **json.loads(done.stdout.splitlines()[-1])}


def measure(size: int, batch: int) -> dict[str, list[float]]:
    """Images in a second of each turn: ``keras``, ``memory`` (freed memory kept) and ``kit`` (own layers as well)."""
    import keras
    import numpy as np

    from bloodcells.network.network import build_network
    from bloodcells.training.cpu_layers import faster_on_cpu
    from bloodcells.training.memory import keep_freed_memory

    plain = build_network(size, size, 8)
    networks = {"keras": plain, "memory": plain, "kit": faster_on_cpu(build_network(size, size, 8))}
    for network in (plain, networks["kit"]):
        optimizer = keras.optimizers.AdamW(1e-3, clipnorm=1.0)
        network.compile(optimizer, keras.losses.CategoricalCrossentropy(), jit_compile=False)
    draw = np.random.default_rng(0)
    pixels = draw.uniform(0, 255, (batch, size, size, 3)).astype(np.float32)
    labels = np.eye(8, dtype=np.float32)[draw.integers(0, 8, batch)]
    rates: dict[str, list[float]] = {name: [] for name in networks}
    for network in networks.values():
        network.train_on_batch(pixels, labels)
    for _ in range(TURNS):
        for name, own in rates.items():
            network = networks[name]
            keep_freed_memory(name != "keras")
            network.train_on_batch(pixels, labels)
            began = time.perf_counter()
            for _ in range(STEPS):
                network.train_on_batch(pixels, labels)
            own.append(round(STEPS * batch / (time.perf_counter() - began), 1))
    return rates


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table: the median over the turns."""
    lines = ["| px | threads | batch | Keras, images/s | memory kept | the kit | times |", "|" + " ---: |" * 7]
    for row in rows:
        keras, memory, kit = (statistics.median(row[name]) for name in ("keras", "memory", "kit"))
        lines.append(
            f"| {row['size']} | {row['threads']} | {row['batch']} | {keras:.1f} | {memory:.1f} | {kit:.1f} "
            f"| {kit / keras:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
