"""One page of the ensembles: several networks in one zip, beside each of them alone."""

from collections.abc import Mapping
from pathlib import Path

from bloodcells.ensembling import EnsembleRecord, Member, read_ensemble
from bloodcells.files import write_text
from bloodcells.pages.record import RunRecord, read_records
from bloodcells.pages.tables import interval_in_words, markdown_table
from bloodcells.pages.words import VIEWS, hardware
from bloodcells.run import Temperature

FOLDER = "ensembles"
_HEAD = """# Several networks in one zip

The zip answers with the mean of its members' probabilities. Which images get further views, and how sure the
probabilities are made, is chosen for the mean, on the validation cells. The accuracies are those of the zip on the
hold-out, as the local worker scores it.
"""
_COLUMNS = ("answers", "composite", "clean", "calibration error, composite")


def read_ensembles(reports: Path) -> dict[str, EnsembleRecord]:
    """The records under ``reports``, by name, in order; there may be none.

    Raises:
        KitError: a record is damaged.
    """
    return {path.stem: read_ensemble(path) for path in sorted((reports / FOLDER).glob("*.json"))}


def write_ensembles_page(reports: Path) -> Path:
    """Write the page into ``reports``, from the records of ensembles and runs there, and return its path."""
    page = reports / FOLDER / "README.md"
    write_text(page, ensembles_page(read_ensembles(reports), read_records(reports)))
    return page


def ensembles_page(ensembles: Mapping[str, EnsembleRecord], runs: Mapping[str, RunRecord]) -> str:
    """The page in Markdown; members that are published ``runs`` have their figures beside the ensemble's."""
    sections = [_section(name, record, runs) for name, record in ensembles.items()]
    return "\n".join((_HEAD, *(sections or ["No ensemble is published yet.\n"])))


def members_in_words(record: EnsembleRecord) -> str:
    """The members in a few words, such as `full` seed 1."""
    return " + ".join(_member(member) for member in record.members)


def _section(name: str, record: EnsembleRecord, runs: Mapping[str, RunRecord]) -> str:
    n = record.images["holdout"]
    rows = [
        *(_alone(member, runs) for member in record.members),
        _row("**their mean**", record.scores, n, record.temperature),
    ]
    machine = hardware(record.environment)
    return f"""## {name}

{markdown_table(_COLUMNS, rows)}
*n = {n:,}; in brackets Wilson's 95 % interval for drawing other cells. {_views(record)} The zip has
{record.zip_bytes / 1e6:.0f} MB; the hidden set would take {record.projected_seconds:.0f} s on
{machine}.*

```
{record.command}
```
"""


def _alone(member: Member, runs: Mapping[str, RunRecord]) -> tuple[str, ...]:
    for page, run in runs.items():
        if run.run == member.run or (member.run == "kit" and run.config.note):
            words = f"[{_member(member)}](../{page}/index.md)"
            return _row(words, run.summary.scores, run.summary.parts["holdout"], run.temperature)
    return _member(member), *["–"] * (len(_COLUMNS) - 1)


def _row(
    words: str, scores: Mapping[str, Mapping[str, float]], n: int, temperature: Temperature | None
) -> tuple[str, ...]:
    calibrated = next(
        (f"{one.after:.3f}" for one in (temperature.effects if temperature else ())
         if (one.part, one.set) == ("holdout", "composite")), "–"
    )  # fmt: skip
    return words, *(interval_in_words(scores[of]["accuracy"], n) for of in ("composite", "clean")), calibrated


def _views(record: EnsembleRecord) -> str:
    if not record.gate:
        return f"Each image is seen in {VIEWS[record.views]}."
    return (
        f"An image is seen in {VIEWS[record.views]} where the two most probable classes of the first view are less "
        f"than {record.gate.gate:.2f} apart."
    )


def _member(member: Member) -> str:
    if member.run == "kit":
        return "the kit's weights"
    policy = "" if member.policy == member.recipe_name else f" with `{member.policy}`"
    return f"`{member.recipe_name or 'own settings'}`{policy}, seed {member.seed}"
