"""Codabench ingestion program: creates the submission's Model, asks it for labels, writes them down.

    python3 ingestion.py INPUT_DATA OUTPUT PROGRAM SUBMISSION

INPUT_DATA holds ``images.npy``, (N, S, S, 3) uint8. OUTPUT gets ``predictions.csv`` (a header line ``label``,
then one integer per line) and ``metadata.json`` (seconds of ``predict``, seconds to load, peak memory in
bytes, versions); and ``probabilities.npy``, (N, C) float32, where ``predict`` goes through a method
``predict_probabilities(X)`` of the same Model, as the kit's own does: they are caught there, at no cost.
A failure ends with one line on standard error, ``FAILED <step>: <reason>``, and exit code 1. Python 3.10 or later.
"""

import json
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 400
"""Characters of a message."""


class Refusal(Exception):
    """What the submission did wrong, in one line."""


def main() -> None:
    """Run the four steps: import, create, predict, write."""
    input_data, output, program, submission = (Path(argument) for argument in sys.argv[1:5])
    classes = len(json.loads((program / "competition.json").read_text("utf-8"))["classes"])
    images = np.load(input_data / "images.npy")

    started = time.monotonic()
    with step("importing model.py"):
        model_class = import_model(submission)
    with step("creating Model()"):
        model = created(model_class)
    caught = catch_probabilities(model)
    loaded = time.monotonic()
    with step("predict"):
        labels = checked_labels(model.predict(images), len(images), classes)
    finished = time.monotonic()

    lines = ["label", *(str(label) for label in labels.tolist())]
    (output / "predictions.csv").write_text("\n".join(lines) + "\n", "utf-8")
    if caught:
        write_probabilities(output / "probabilities.npy", caught, labels, classes)
    metadata = {
        "duration": finished - loaded,
        "load_seconds": loaded - started,
        "peak_memory": peak_memory(),
        "versions": versions(),
    }
    (output / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    print(f"{len(images)} labels in {finished - loaded:.1f} s, loaded in {loaded - started:.1f} s")


@contextmanager
def step(name: str) -> Iterator[None]:
    """Turn anything that the submission raises, ``sys.exit`` included, into the one line and exit code 1."""
    try:
        yield
    except Refusal as error:
        fail(name, str(error))
    except SystemExit as error:
        fail(name, f"expected it to return, but it called sys.exit({error.code!r}). Remove that call.")
    except BaseException as error:
        traceback.print_exc()
        fail(name, f"{type(error).__name__}: {shortened(str(error)) or 'no message'}{advice(error)}")


def shortened(text: str) -> str:
    """Both ends of a message in one line: Keras quotes a whole model before it says what is wrong with it."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def advice(error: BaseException) -> str:
    """What to do about an exception, where that is known."""
    if isinstance(error, ModuleNotFoundError):
        return ". Only the zip's own files and the worker's packages are there: put the code beside model.py."
    if isinstance(error, FileNotFoundError):
        return ". Put the file into the zip and open it from the folder of __file__."
    if isinstance(error, TypeError) and "__init__() missing" in str(error):
        return ". Give it a default: Model() is created without arguments."
    if isinstance(error, AttributeError) and "Can't get attribute" in str(error):
        return ". A pickle holds no code: put the class into a file of the zip, import it, and pickle again."
    if isinstance(error, MemoryError):
        return ". Work in batches and do not stack test-time augmentation views."
    return ""


def fail(name: str, reason: str) -> None:
    """Print the line that participants look for and end."""
    sys.stdout.flush()
    print(f"FAILED {name}: {reason}", file=sys.stderr, flush=True)
    sys.exit(1)


def import_model(submission: Path) -> Any:
    """The ``Model`` of the submission, found as the competition finds it: last on the path."""
    sys.path.append(str(submission))
    import model

    if submission.resolve() not in Path(model.__file__ or "").resolve().parents:
        raise Refusal(f"expected the submission's model.py, got {model.__file__}. Rename what shadows it.")
    if not callable(getattr(model, "Model", None)):
        got = next((f"the class {name}" for name in vars(model) if name.lower() == "model"), "none")
        raise Refusal(f"expected a class Model in model.py, got {got}. Name it Model.")
    return model.Model


def created(model_class: Any) -> Any:
    """The model, made as the competition makes it: by a class, or by a function of that name."""
    model = model_class()
    if not callable(getattr(model, "predict", None)):
        raise Refusal("expected a method predict(self, X) in Model, got none. Add it.")
    return model


def checked_labels(predicted: Any, n: int, classes: int) -> np.ndarray:
    """``predicted`` itself if it is an (n,) integer array with values in 0..classes-1; else a Refusal."""
    expected = f"expected an integer array of shape ({n},) with labels 0..{classes - 1}"
    if not isinstance(predicted, np.ndarray):
        raise Refusal(f"{expected}, got {type(predicted).__name__}. Return a NumPy array.")
    got = f"got {predicted.dtype} of shape {predicted.shape}"
    if predicted.shape == (n, classes) and n != 1:
        raise Refusal(f"{expected}, {got}: one-hot or probabilities. Return their argmax(axis=1).")
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        raise Refusal(f"{expected}, {got}. Return labels[:, 0].")
    if predicted.shape != (n,):
        raise Refusal(f"{expected}, {got}. Return one label per image.")
    if predicted.dtype.kind not in "iu":
        raise Refusal(f"{expected}, {got}. Return labels.astype(int).")
    wrong = (predicted < 0) | (predicted >= classes)
    if wrong.any():
        raise Refusal(
            f"{expected}, got {wrong.sum()} labels outside, the first, {predicted[wrong.argmax()]}, "
            f"at index {wrong.argmax()}. Count classes from 0."
        )
    return predicted


def catch_probabilities(model: Any) -> list[Any]:
    """A list to which the model's own ``predict_probabilities``, if it has one, will append what it returns."""
    caught: list[Any] = []
    method = getattr(model, "predict_probabilities", None)
    if not callable(method):
        return caught

    def catching(*arguments: Any, **options: Any) -> Any:
        probabilities = method(*arguments, **options)
        caught.append(probabilities)
        return probabilities

    with suppress(AttributeError):  # a class with __slots__ takes no new attribute
        model.predict_probabilities = catching
    return caught


def write_probabilities(path: Path, caught: list[Any], labels: np.ndarray, classes: int) -> None:
    """Write what was caught, if it is what the labels were taken from: one distribution an image, in their order."""
    try:
        probabilities = np.concatenate([np.asarray(part, np.float32).reshape(-1, classes) for part in caught])
        sums = np.abs(probabilities.sum(axis=1) - 1)
        fits = len(probabilities) == len(labels) and bool((probabilities.argmax(axis=1) == labels).all())
        fits = fits and bool((probabilities >= 0).all() and (sums < 1e-2).all())
    except (ValueError, TypeError):
        fits = False
    if fits:
        np.save(path, probabilities)
    else:
        print("predict_probabilities: not the distributions that the labels are the maxima of; left out")


def peak_memory() -> int:
    """Largest resident memory of this process so far, bytes.

    Not ``ru_maxrss`` where there is another way: Linux carries it over from the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def versions() -> dict[str, str]:
    """Python and the packages that the submission has loaded, by name."""
    names = [name for name in ("numpy", "tensorflow", "keras") if name in sys.modules]
    return {"python": sys.version.split()[0]} | {name: str(sys.modules[name].__version__) for name in names}


if __name__ == "__main__":
    main()
