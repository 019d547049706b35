import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bloodcells.codabench.modelfiles import check_model_files, check_weights
from bloodcells.errors import KitError


def write_weights(path: Path, kernel: np.ndarray, **groups: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = kernel
        for name, values in groups.items():
            file[f"{name}/vars/0"] = values
    return path


def write_keras_file(path: Path, version: str = "3.4.1", layers: list[dict[str, Any]] | None = None) -> Path:
    weights = write_weights(path.with_suffix(".tmp"), np.ones(3, np.float32))
    config = {"class_name": "Sequential", "module": "keras", "registered_name": None, "layers": layers or []}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights, "model.weights.h5")
    weights.unlink()
    return path


def refusal(folder: Path) -> str:
    with pytest.raises(KitError) as caught:
        check_model_files(folder, "3.4.1")
    return str(caught.value)


def test_good_files_pass_without_remarks(tmp_path: Path) -> None:
    write_weights(tmp_path / "weights.h5", np.ones(3, np.float32))
    write_keras_file(tmp_path / "model.keras")
    assert check_model_files(tmp_path, "3.4.1") == []


def test_optimizer_slots_are_counted_and_remarked(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "weights.h5", np.ones(3, np.float32), optimizer=np.full(6, np.nan, np.float32))
    assert check_weights(path) == 24
    assert check_model_files(tmp_path, "3.4.1") == [
        "weights.h5 carries 24 bytes of optimizer slots that predict never reads"
    ]


def test_nan_weights_are_refused_with_their_place(tmp_path: Path) -> None:
    write_weights(tmp_path / "weights.h5", np.array([1, np.nan, np.inf], np.float32))
    assert refusal(tmp_path).startswith("weights.h5 holds 2 NaN or infinite weights in layers/dense/vars/0")


def test_a_truncated_weights_file_is_called_truncated(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "weights.h5", np.ones(1000, np.float32))
    path.write_bytes(path.read_bytes()[:3000])
    assert refusal(tmp_path) == "weights.h5 is truncated or not an HDF5 file, size 3,000. Write or copy it again."


@pytest.mark.parametrize("kept", [0, 100])
def test_a_truncated_keras_file_is_called_truncated(tmp_path: Path, kept: int) -> None:
    path = write_keras_file(tmp_path / "model.keras")
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(tmp_path) == f"model.keras is truncated or not a Keras file, size {kept}. Copy it again."


def test_a_file_of_a_newer_keras_than_the_workers_is_refused(tmp_path: Path) -> None:
    write_keras_file(tmp_path / "model.keras", version="3.15.1")
    assert refusal(tmp_path).startswith("model.keras was saved by Keras 3.15.1, but the worker has 3.4.1")


def test_lambda_and_unknown_custom_layers_are_refused(tmp_path: Path) -> None:
    lambda_layer = {"class_name": "Lambda", "module": "keras.layers", "registered_name": None, "config": {}}
    write_keras_file(tmp_path / "model.keras", layers=[lambda_layer])
    assert "holds a Lambda layer" in refusal(tmp_path)

    custom = {"class_name": "Blur", "module": "__main__", "registered_name": "Custom>Blur", "config": {}}
    write_keras_file(tmp_path / "model.keras", layers=[custom])
    assert "holds the custom layer Blur: expected its code in the zip, got none" in refusal(tmp_path)
    (tmp_path / "layers.py").write_text("class Blur: ...")
    assert check_model_files(tmp_path, "3.4.1") == []
