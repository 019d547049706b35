"""The submission: what the competition imports, creates once and asks for labels.

Beside it in the zip lie ``network.py``, ``inference.py`` and ``pixels.py`` (the very files that trained and evaluated
the weights), ``weights.weights.h5`` and ``submission.json``. Mostly there are also ``flatbuffer.py`` and
``network.tflite``, the same network in a form that predicts faster; where that cannot be run, Keras builds the
network from its weights. An ensemble has these files once for each of its members, and ``ensemble.py``.
"""

import hashlib
import importlib.util
import json
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# The working directory and the order of the import path differ between competitions; this folder does not.
FOLDER = Path(__file__).resolve().parent
_CHUNK = 128


def _beside(name: str) -> ModuleType:
    """The module ``name`` that lies beside this file, whatever else has the same name."""
    spec = importlib.util.spec_from_file_location(f"submitted_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Model:
    """The network with test-time augmentation, as ``submission.json`` describes it."""

    def __init__(self) -> None:
        """Load each network: the flatbuffer if there is one and it runs here, else the weights."""
        self.settings: dict[str, Any] = json.loads((FOLDER / "submission.json").read_text("utf-8"))
        members = self.settings.get("members", [self.settings])
        networks = [self._flatbuffer(member) or self._keras_network(member) for member in members]
        self.network = networks[0] if len(networks) == 1 else _beside("ensemble").Ensemble(networks)
        self._inference = _beside("inference")
        self._pixels = _beside("pixels")
        self._one_at_a_time = threading.Lock()  # an interpreter serves one thread

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Labels of cells.

        Args:
            X: (N, S, S, 3) pixels 0..255, of any type of numbers, or fractions in 0..1; `pixels.scale_of` tells
                them apart and a printed line says so. N may be 0.

        Returns:
            (N,) int64, indices into the competition's classes.

        Raises:
            ValueError: another shape or range, no numbers, or NaN.
        """
        return self._averaged(X).argmax(axis=1)

    def predict_probabilities(self, X: np.ndarray) -> np.ndarray:
        """Class probabilities of cells, (N, C) float32, at the temperature; otherwise as `predict`."""
        return self._inference.tempered(self._averaged(X), self.settings["temperature"]).astype(np.float32)

    def _averaged(self, X: np.ndarray) -> np.ndarray:
        """The probabilities of cells, averaged over the views, (N, C) float32."""
        images = np.asarray(X)
        factor, remarks = self._pixels.scale_of(images, self.settings["image_size"], "predict")
        for remark in remarks:
            print(remark, flush=True)
        probabilities = np.zeros((len(images), len(self.settings["classes"])), np.float32)
        for start in range(0, len(images), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            pixels = self._pixels.scaled(images[chunk], factor)
            with self._one_at_a_time:
                probabilities[chunk] = self._inference.predict_probabilities(
                    self.network, pixels, self.settings["tta_level"], self.settings["batch_size"], self.settings["gate"]
                )
        return probabilities

    def _flatbuffer(self, member: dict[str, Any]) -> Any:
        name = member["flatbuffer"]
        if name is None:
            return None
        try:
            # A damaged file ends some versions of the interpreter with a segmentation fault.
            if hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() != member["flatbuffer_sha256"]:
                raise ValueError("it is not the file that was packed")
            return _beside("flatbuffer").Flatbuffer(FOLDER / name)
        except Exception as error:  # whatever it is: slower labels are better than none
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            print(f"Model: {name} cannot be used here ({reason}); Keras predicts instead, more slowly", flush=True)
            return None

    def _keras_network(self, member: dict[str, Any]) -> Any:
        network = _beside("network").build_network(
            self.settings["image_size"],
            member["working_size"],
            len(self.settings["classes"]),
            member["dropout"],
            member.get("backbone", "EfficientNetB3"),
        )
        network.load_weights(str(FOLDER / member["weights"]))
        return network
