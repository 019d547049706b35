"""The model card of published weights, from the records beside them."""

import textwrap
from pathlib import Path

from bloodcells.corruption.corruption_error import error_row
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_text
from bloodcells.measuring.external import Share
from bloodcells.network.inference import TTA_VIEWS
from bloodcells.pages.tables import (
    errors_by_corruption_table,
    markdown_table,
    metrics_table,
    phases_table,
    temperature_table,
)
from bloodcells.pages.words import PARTS, VIEWS, hardware
from bloodcells.run import Config, Environment, Epoch, Gate, HandedOn, Measurement, MedmnistC, Run, Temperature
from reports.make.external_page import SOURCE, errors_in_words, recall_table, scales_in_words

CARD = "README.md"


def write_model_card(folder: Path, external: Path) -> Path:
    """Write ``README.md`` into a folder that `publishing.publish_weights` has filled; return its path.

    ``external`` is the folder of the records of cells of another laboratory.

    Raises:
        KitError: a record is missing or damaged.
    """
    write_text(folder / CARD, model_card(folder, external))
    return folder / CARD


def model_card(folder: Path, external: Path) -> str:
    """The card in Markdown."""
    run = Run(folder)
    config, gates = run.read(Config), run.rows(Gate)
    if not gates:
        raise KitError(f"{folder} has no gate: expected weights that were evaluated. Run bloodcells evaluate --tta 2.")
    return "\n".join(
        (_head(run, config), _figures(run, gates[-1]), _elsewhere(external), _recipe(run, config), _LIMITS)
    )


def _head(run: Run, config: Config) -> str:
    weights, competition = run.read(HandedOn), config.competition
    file = (f"`{weights.file}`", f"{weights.bytes:,}", weights.precision,
            f"{weights.largest_change_of_a_probability:.2g}", f"`{weights.sha256}`")  # fmt: skip
    return f"""# Weights that come with the kit

EfficientNetB3 (10.8 M parameters) for the {len(competition.classes)} classes of {competition.title}:
{", ".join(competition.classes)}. Trained from {_start(config.recipe.init)} on
real cells alone, so they may be handed on with the attribution below. **Not for diagnosis.**

{markdown_table(("file", "bytes", "precision", "changes a probability by at most", "SHA-256"), [file])}
They serve as `--init kit`, as the start of `make run`, and as they are: `bloodcells package --weights kit` makes a
zip of them at once. The folder is read like that of a run.
"""


def _figures(run: Run, gate: Gate) -> str:
    medmnist, temperature = run.read(MedmnistC), run.rows(Temperature)[-1]
    row = error_row("these weights", medmnist.clean, medmnist.errors)
    rows = [
        (PARTS[effect.part], effect.set, effect.images, f"{effect.accuracy_first_view:.4f}",
         f"{effect.accuracy_all_views:.4f}", f"{effect.accuracy_gated:.4f}", f"{effect.views_per_image:.2f}")
        for effect in gate.effects
    ]  # fmt: skip
    columns = ("part", "set", "n", "one view", "all views", "gated", "views an image, gated")
    return f"""## Figures

{metrics_table(run.rows(Measurement))}
*Measured with the weights at full precision. Composite: the same cells, each through a frozen random chain of
corruptions. None of them is trained on, but we strengthened `full` by looking at corrupted validation cells, so its
figures on such cells are a little flattering. Nothing was chosen on the hold-out but how many labels a gate may change
(0.1 %). Levels above one view are gated. The interval (Wilson) is for drawing other cells; this is one run, and another
seed moves the figures too.*

{markdown_table(columns, rows)}
*Accuracy by views. Gated: only images whose two most probable classes are less than {gate.gate:.2f} apart in the
first view get the other views of level {TTA_VIEWS.index(gate.views)} ({VIEWS[gate.views]}).*

{temperature_table(temperature)}
*Probabilities at the temperature that was chosen on the validation cells, with {VIEWS[temperature.views]}. `package`
and `predict` apply it; it changes no label.*

{errors_by_corruption_table([row])}
*MedMNIST-C: balanced errors in per cent on {medmnist.images} hold-out cells, single views, mean over five
severities; mean accuracy {medmnist.accuracy:.4f}. AlexNet's and ResNet-18's are published ones, for 224 px;
JPEG and pixelate are harder at 96 px. They are columns to stand beside, not to beat.*
"""


def _elsewhere(folder: Path) -> str:
    record, choices = read_json(folder / "bccd.json"), read_json(folder / "choices.json")
    return f"""## Another laboratory

{SOURCE}

Right: **{Share(**record["accuracy"])}**, with eight gated views.

{recall_table(record)}
*{errors_in_words(record)} The scale of the crops moves the accuracy: {scales_in_words(choices)}. What else was tried,
and the option `--white-balance` that helped: `reports/external/README.md`.*

```
{record["command"]}
```
"""


def _recipe(run: Run, config: Config) -> str:
    recipe, epochs = config.recipe, run.rows(Epoch)
    minutes = sum(epoch.seconds for epoch in epochs) / 60
    commands, told = "\n".join(config.commands), ' --note "..."' if config.note else ""
    return f"""## Data and recipe

Cells: the training part of the competition-shaped file of the PBC data set, after cleaning (1,800 junk images and all
copies but one are out); SHA-256 of the cells `{config.data_sha256[:16]}`. Source: Acevedo et al. (2020),
[doi:10.17632/snkd93bnjr.1](https://doi.org/10.17632/snkd93bnjr.1), [CC BY
4.0](https://creativecommons.org/licenses/by/4.0/); cropped, resized and compressed. These weights are derived from it
and handed on under the same licence.

{phases_table(recipe, epochs)}
*AdamW with weight decay {recipe.weight_decay:g}, warm-up, then cosine to 0 in each phase; label smoothing
{recipe.label_smoothing:g}, dropout {recipe.dropout:g}, seed {recipe.seed}. Clean, composite: validation
accuracy on single views after the phase; – where it was not measured. {minutes:.0f} minutes of training in all on
{hardware(run.read(Environment))}, with other work beside it.*
{_note(config.note)}
```
{commands}
bloodcells publish --run runs/training_set-full-0 --out src/bloodcells/weights --force{told}
make reports
```
"""


_LIMITS = """## Limits

* One data set, one laboratory, one stain and one camera: other smears look otherwise, and accuracy falls on them as
  the section on another laboratory shows. Measure it on labelled cells of your own: `evaluate --external`.
* The cells of the data set are from healthy persons. Blasts, parasites, sickle cells and all else that a laboratory
  looks for are none of the eight classes, and the network answers with one of them all the same.
* **Do not trust your hold-out after `--init kit`**: these weights were trained on cells of the competition's file. A
  split follows the order of a file, and where yours has another order, cells of your hold-out were trained on here.
* The probabilities are right about as often as they say on cells like those of this data set alone.
"""


def _note(note: str) -> str:
    return f"\n{textwrap.fill(note, 116)}\n" if note else ""


def _start(init: str) -> str:
    return "random weights" if init == "scratch" else f"`{Path(init).name}`"
