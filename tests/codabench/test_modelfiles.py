import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bloodcells.codabench.modelfiles import Damaged, check_weights, model_file_remarks


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


def write_members(path: Path, **members: str | bytes) -> Path:
    """A ``.keras`` file with other contents than Keras writes; ``config`` stands for ``config.json``."""
    write_keras_file(path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, members.get(name.removesuffix(".json"), content))
    return path


def remark(folder: Path) -> str:
    """The only one; a line led by the file's name."""
    (line,) = model_file_remarks(folder, "3.4.1")
    assert "\n" not in line
    return line


def serialized(class_name: str, module: str) -> dict[str, Any]:
    return {"class_name": class_name, "module": module, "registered_name": None, "config": {}}


def test_good_files_pass_without_remarks(tmp_path: Path) -> None:
    write_weights(tmp_path / "weights.h5", np.ones(3, np.float32))
    write_keras_file(tmp_path / "model.keras")
    assert model_file_remarks(tmp_path, "3.4.1") == []


def test_optimizer_slots_are_counted_and_remarked(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "weights.h5", np.ones(3, np.float32), optimizer=np.full(6, np.nan, np.float32))
    assert check_weights(path) == 24
    assert remark(tmp_path) == "weights.h5 carries 24 bytes of optimizer slots that predict never reads"


def test_weights_that_are_not_finite_are_named_with_their_place(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "weights.h5", np.array([1, np.nan, np.inf], np.float32))
    assert remark(tmp_path).startswith("weights.h5 holds 1 NaN in layers/dense/vars/0: ")
    with pytest.raises(Damaged, match=r"weights\.h5 holds 2 NaN or infinite weights in layers/dense/vars/0"):
        check_weights(path)


def test_infinite_weights_may_be_a_mask(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    write_weights(tmp_path / "nets" / "attention.h5", np.array([0, -np.inf], np.float32))
    assert remark(tmp_path) == (
        "nets/attention.h5 holds 1 infinite weights in layers/dense/vars/0: right for a mask, and wrong anywhere else"
    )


def test_a_truncated_weights_file_is_called_truncated(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "weights.h5", np.ones(1000, np.float32))
    path.write_bytes(path.read_bytes()[:3000])
    assert remark(tmp_path) == "weights.h5 is truncated or not an HDF5 file, size 3,000. Write or copy it again."


@pytest.mark.parametrize("kept", [0, 100])
def test_a_truncated_keras_file_is_called_truncated(tmp_path: Path, kept: int) -> None:
    path = write_keras_file(tmp_path / "model.keras")
    path.write_bytes(path.read_bytes()[:kept])
    assert remark(tmp_path) == f"model.keras is truncated or not a Keras file, size {kept}. Copy it again."


def test_a_file_of_a_newer_keras_than_the_workers_is_remarked(tmp_path: Path) -> None:
    write_keras_file(tmp_path / "model.keras", version="3.4.0")
    assert model_file_remarks(tmp_path, "3.4.1") == []
    write_keras_file(tmp_path / "model.keras", version="3.10.0")
    assert remark(tmp_path).startswith(
        "model.keras was saved by Keras 3.10.0, newer than the 3.4.1 of the competition's"
    )


def test_lambda_and_unknown_custom_layers_are_remarked(tmp_path: Path) -> None:
    write_keras_file(tmp_path / "model.keras", layers=[serialized("Lambda", "keras.layers")])
    assert remark(tmp_path) == "model.keras holds a Lambda layer, which Keras loads with safe_mode=False alone"

    write_keras_file(tmp_path / "model.keras", layers=[serialized("Blur", "filters")])
    assert remark(tmp_path) == "model.keras holds the custom layer Blur, whose code is in no file of the zip"
    (tmp_path / "layers.py").write_text("class Blur: ...")
    assert model_file_remarks(tmp_path, "3.4.1") == []
    (tmp_path / "layers.py").write_text("import filters")
    assert model_file_remarks(tmp_path, "3.4.1") == []


def test_what_a_network_was_compiled_with_is_left_aside(tmp_path: Path) -> None:
    compiled = {
        "loss": serialized("FocalLoss", "__main__"),
        "optimizer": {"schedule": serialized("WarmUp", "__main__")},
    }
    config = {**serialized("Sequential", "keras"), "compile_config": compiled}
    write_members(tmp_path / "model.keras", config=json.dumps(config))
    assert model_file_remarks(tmp_path, "3.4.1") == []


ODD_KERAS_FILES = {
    "metadata that is a list": ({"metadata": "[3]"}, "has no readable metadata.json (expected an object, got [3])."),
    "no version": ({"metadata": '{"keras_version": null}'}, "names no version of Keras (got None)"),
    "not UTF-8": ({"config": b'{"a": "\xff\xfe"}'}, "has no readable config.json (UnicodeDecodeError)."),
    "nested deeply": ({"config": "[" * 100_000}, "has no readable config.json (RecursionError)."),
    "weights that are none": ({"model.weights.h5": b"PK"}, "is truncated or not an HDF5 file"),
}


@pytest.mark.parametrize(("members", "line"), ODD_KERAS_FILES.values(), ids=ODD_KERAS_FILES.keys())
def test_odd_keras_files_get_one_line(tmp_path: Path, members: dict[str, Any], line: str) -> None:
    write_members(tmp_path / "model.keras", **members)
    assert remark(tmp_path).startswith(f"model.keras {line}")


def test_a_file_that_is_of_another_kind_than_its_name_says(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.keras", np.ones(3))
    assert remark(tmp_path).startswith(
        "model.keras is an HDF5 file, and not the zip that load_model takes a .keras file"
    )
    (tmp_path / "model.keras").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
    assert remark(tmp_path) == "model.keras is a Git LFS pointer of 63 bytes: expected a model. Pull it first"


def test_links_are_not_followed_and_what_is_not_there_is_not_read(tmp_path: Path) -> None:
    outside = write_weights(tmp_path / "outside.hdf", np.array([np.nan], np.float32))
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["external"] = h5py.ExternalLink(outside.name, "/layers")
        file["self"] = file["/"]
        file["nothing"] = h5py.Empty("f4")
        file.create_dataset("hollow", (10**9,), "f4", chunks=(1000,))
    assert (tmp_path / "weights.h5").stat().st_size < 10_000
    assert remark(tmp_path) == "weights.h5 declares more in hollow than the file holds"
