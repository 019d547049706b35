"""The JSON record of a published result: everything its page says, and nothing of its weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bloodcells.data.sources.synthetic import DEFAULT_CELLS, smear_origin
from bloodcells.files import read_json, read_json_lines
from bloodcells.measuring.explanation import read_errors
from bloodcells.recipe import PROFILES, training_config


def run_record(run: Path) -> dict[str, Any]:
    """Read a complete run folder into one JSON-ready record.

    Returns:
        ``kind`` ("run"), ``run`` (name of the folder), ``profile`` (None where the config is of no profile),
        ``command`` (None where no single command makes this run), ``cells``, ``config`` (an init file by its
        name alone), ``training_cells_sha256``, ``cleaning``, ``parts`` (images of each), ``tta_level`` (of the
        zip), ``metrics`` (part -> set -> level), ``errors`` (how many are shown of each set), ``scores`` (of
        the zip, by set), ``seconds`` (by stage), ``epochs`` (the lines of ``metrics.jsonl``), ``environment``.

    Raises:
        KitError: a file of the run is missing or damaged.
    """
    config = read_json(run / "config.json")
    summary = read_json(run / "summary.json")
    epochs = read_json_lines(run / "metrics.jsonl")
    training_cells = config.pop("data_sha256")
    config.pop("data_origin")
    profile = _profile_of(config)
    config["init"] = Path(config["init"]).name
    return {
        "kind": "run",
        "run": run.resolve().name,
        "profile": profile,
        "command": _command(run.resolve().name, profile, config, summary),
        "cells": summary["cells"],
        "config": config,
        "training_cells_sha256": training_cells,
        "cleaning": read_json(run / "cleaning" / "cleaning.json"),
        "parts": summary["parts"],
        "tta_level": summary["tta_level"],
        "metrics": read_json(run / "evaluation.json"),
        "errors": {name: len(errors.images) for name, errors in read_errors(run).items()},
        "scores": summary["scores"],
        "seconds": _stage_seconds(summary["seconds"], epochs),
        "epochs": epochs,
        "environment": read_json(run / "environment.json"),
    }


def read_records(reports: Path) -> list[dict[str, Any]]:
    """The records of the runs published under ``reports``, by name of their folder; the name is added as ``page``."""
    found = [{**read_json(path), "page": path.parent.name} for path in sorted(reports.glob("*/record.json"))]
    return [record for record in found if record.get("kind") == "run"]


def _stage_seconds(stages: Mapping[str, float], epochs: list[dict[str, Any]]) -> dict[str, float]:
    """The seconds of each stage. A run that was resumed counts only its last sitting; its epochs count them all."""
    trained = round(sum(epoch["seconds"] for epoch in epochs), 1)
    return {**stages, "train": max(stages["train"], trained)}


def _profile_of(config: Mapping[str, Any]) -> str | None:
    """The profile whose config this is; a run does not write its name down."""
    init, seed = config["init"], config["seed"]
    return next((name for name in PROFILES if training_config(name, init, seed).as_dict() == config), None)


def _command(run: str, profile: str | None, config: Mapping[str, Any], summary: Mapping[str, Any]) -> str | None:
    data = _data_option(summary["cells"])
    if profile is None or data is None:
        return None
    return (
        f"bloodcells run --data {data} --profile {profile} --init {config['init']} --seed {config['seed']} "
        f"--tta {summary['tta_level']} --out runs/{run}"
    )


def _data_option(origin: str) -> str | None:
    if origin == smear_origin(DEFAULT_CELLS, 0):
        return "synthetic"
    if origin.startswith("bloodmnist"):
        return "bloodmnist"
    return f"data/{origin}" if origin.endswith(".npz") else None
