"""What one fresh process of a submission takes: seconds to its first label, and memory for many images.

    python predict_process.py SUBMISSION IMAGES.npy N LEVEL

SUBMISSION is an unpacked zip, IMAGES.npy holds (n, S, S, 3) uint8 images, which are repeated to N. Prints one line of
JSON: ``load_seconds`` (import of model.py and Model()), ``first_seconds`` (then one image), ``seconds`` for all N at
the level of test-time augmentation, ``peak_memory`` in bytes. It is started by ``predict_speed.py``.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def main() -> None:
    """Load, predict one, predict all."""
    submission, path, n, level = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    few = np.load(path)
    started = time.perf_counter()
    sys.path.append(submission)
    from model import Model

    model = Model()
    loaded = time.perf_counter()
    model.predict(few[:1])
    first = time.perf_counter()
    report = {"load_seconds": loaded - started, "first_seconds": first - loaded}
    images = np.empty((n, *few.shape[1:]), np.uint8)  # filled in place: no copy of it counts
    for start in range(0, n, len(few)):
        images[start : start + len(few)] = few[: n - start]
    model.settings["tta_level"] = level
    started = time.perf_counter()
    model.predict(images)
    report |= {"images": n, "seconds": time.perf_counter() - started, "peak_memory": peak_memory()}
    print(json.dumps(report))


def peak_memory() -> int:
    """Largest resident memory of this process, bytes; Linux carries ``ru_maxrss`` over from the parent."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


if __name__ == "__main__":
    main()
