"""The result of the cleaning: one row per image, whatever was decided about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.cleaning.clusters import ALONE
from bloodcells.cleaning.decisions import DROP, KEEP, Decisions
from bloodcells.cleaning.labels import NOT_SUSPECTED, suspected_labels
from bloodcells.files import write_csv, write_json

PERSON = "a person's decision"
REASONS = ("junk", "label_conflict", "exact_duplicate", "near_duplicate", PERSON)
COLUMNS = ("index", "label", "phash", "cluster", "junk_score", "decision", "reason")
TABLE_FILES = ("cleaning.csv", "cleaning.json")
MORE_COLUMNS = ("evidence", "suspected_label", "suspected_probability", "label_probability")


@dataclass(frozen=True, eq=False)
class CleaningTable:
    """A decision per image; every column has the length and the order of the cells examined.

    An image may show several defects (``exact_duplicate``, ``near_duplicate``, ``junk``, ``label_conflict``);
    ``reason`` is the one for which it is dropped: what a person decided, else the first of ``REASONS`` that applies.

    Attributes:
        label: (N,) int64, as given, or as a person decided.
        phash: (N,) str, 16 hexadecimal digits.
        cluster: (N,) int64, number of the cluster of copies, -1 for an image alone.
        junk_score: (N,) float64, 0 for a typical cell, from the threshold on junk.
        evidence: (N,) str, what the junk score rests on most.
        exact_duplicate: (N,) bool, byte-identical to an image before it.
        near_duplicate: (N,) bool, not that, but the same picture as an image before it.
        junk: (N,) bool, no cell.
        label_conflict: (N,) bool, in a cluster of one picture with several labels.
        reason: (N,) str, one of ``REASONS``, or empty for an image that is kept.
        seconds: what the examination took.
        probabilities: (N, C) float64, out-of-fold predictions of the classes, rows of NaN for images without one;
            None where the labels were not examined.
        names: (N,) str, the files of the images; None where they were arrays.
        decisions: the decisions of a person, which ``label`` and ``reason`` obey; None where there are none.
    """

    label: np.ndarray
    phash: np.ndarray
    cluster: np.ndarray
    junk_score: np.ndarray
    evidence: np.ndarray
    exact_duplicate: np.ndarray
    near_duplicate: np.ndarray
    junk: np.ndarray
    label_conflict: np.ndarray
    reason: np.ndarray
    seconds: float
    probabilities: np.ndarray | None = None
    names: np.ndarray | None = None
    decisions: Decisions | None = None

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def decision(self) -> np.ndarray:
        """(N,) str, ``keep`` or ``drop``."""
        return np.where(self.reason == "", KEEP, DROP)

    @cached_property
    def kept(self) -> np.ndarray:
        """Sorted int64 indices of the images that are kept."""
        return np.flatnonzero(self.reason == "")

    @cached_property
    def lone_junk(self) -> np.ndarray:
        """Sorted int64 indices of the images dropped as junk that have no copies: nothing but their looks is said."""
        return np.flatnonzero((self.reason == "junk") & (self.cluster == ALONE))

    @cached_property
    def suspected_label(self) -> np.ndarray:
        """(N,) int64, what confident predictions say instead of the label, -1 where none do; no reason to drop."""
        if self.probabilities is None:
            return np.full(len(self), NOT_SUSPECTED)
        return suspected_labels(self.label, self.probabilities)

    @cached_property
    def suspects(self) -> np.ndarray:
        """Int64 indices of the images whose label is suspected, the least probable label first."""
        found = np.flatnonzero(self.suspected_label != NOT_SUSPECTED)
        return found[np.argsort(self.probability_of(self.label)[found], kind="stable")]

    @cached_property
    def out_of_fold_accuracy(self) -> float | None:
        """Share of the predicted images whose likeliest class is their label; None where none was predicted."""
        if self.probabilities is None:
            return None
        predicted = ~np.isnan(self.probabilities).any(axis=1)
        return float((self.probabilities[predicted].argmax(axis=1) == self.label[predicted]).mean())

    def probability_of(self, labels: np.ndarray) -> np.ndarray:
        """(N,) float64: the out-of-fold probability of the class in ``labels`` (N,), NaN without a prediction."""
        if self.probabilities is None:
            return np.full(len(self), np.nan)
        return self.probabilities[np.arange(len(self)), labels]

    def counts(self) -> dict[str, Any]:
        """What ``cleaning.json`` says: ``images`` = ``kept`` + the images dropped for each reason.

        ``suspected_labels`` counts kept images; it is None where the labels were not examined.
        """
        dropped = {reason: int((self.reason == reason).sum()) for reason in REASONS}
        return {
            "images": len(self),
            "kept": len(self.kept),
            "exact_duplicates": dropped["exact_duplicate"],
            "near_duplicates": dropped["near_duplicate"],
            "junk": dropped["junk"],
            "label_conflicts": dropped["label_conflict"],
            "suspected_labels": None if self.probabilities is None else len(self.suspects),
            "seconds": round(self.seconds, 3),
            **({} if self.decisions is None else {
                "dropped_by_decision": dropped[PERSON], "decisions_sha256": self.decisions.sha256,
            }),
        }  # fmt: skip

    def with_suspected_labels(self, probabilities: np.ndarray, seconds: float = 0) -> "CleaningTable":
        """The same table with the labels that out-of-fold ``probabilities`` (N, C) contradict.

        Rows of NaN are images without a prediction. See `labels.suspected_labels`.
        """
        return replace(self, probabilities=probabilities, seconds=self.seconds + seconds)

    def decided(self, decisions: Decisions) -> "CleaningTable":
        """The same table after ``decisions``; each is about one image, and its copies stay what they were."""
        choices = decisions.choices(len(self))
        reason = np.select([choices == DROP, choices != ""], [PERSON, ""], self.reason)
        return replace(self, reason=reason, decisions=decisions)

    def write(self, folder: Path) -> None:
        """Write ``cleaning.csv`` (one row per image) and ``cleaning.json`` (the counts) into ``folder``."""
        choices = self.decisions.choices(len(self)) if self.decisions else None
        more = {"file": self.names, "person": choices}
        given = {name: column for name, column in more.items() if column is not None}
        write_csv(folder / "cleaning.csv", (*COLUMNS, *MORE_COLUMNS, *given), self._rows(given))
        write_json(folder / "cleaning.json", self.counts())

    def _rows(self, given: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
        own, other = self.probability_of(self.label), self.probability_of(self.suspected_label)
        for index, suspected in enumerate(self.suspected_label):
            doubtful = suspected != NOT_SUSPECTED
            yield {
                "index": index,
                "label": self.label[index],
                "phash": self.phash[index],
                "cluster": "" if self.cluster[index] == ALONE else self.cluster[index],
                "junk_score": f"{self.junk_score[index]:.4f}",
                "decision": self.decision[index],
                "reason": self.reason[index],
                "evidence": self.evidence[index],
                "suspected_label": suspected if doubtful else "",
                "suspected_probability": f"{other[index]:.4f}" if doubtful else "",
                "label_probability": "" if np.isnan(own[index]) else f"{own[index]:.4f}",
                **{name: column[index] for name, column in given.items()},
            }
