"""The card of the weights that come with the kit says what they are."""

from pathlib import Path

from bloodcells.files import sha256_of
from bloodcells.run import Config, HandedOn, Run
from bloodcells.training.start import KIT
from reports.make.model_card import model_card

EXTERNAL = Path(__file__).parents[2] / "reports" / "external"


def test_the_weights_are_those_of_the_card() -> None:
    told, weights = Run(KIT).read(HandedOn), Run(KIT).weights
    assert weights.name == told.file
    assert weights.stat().st_size == told.bytes
    assert sha256_of(weights) == told.sha256
    assert told.sha256 in model_card(KIT, EXTERNAL)


def test_the_card_warns() -> None:
    card = model_card(KIT, EXTERNAL)
    assert "Not for diagnosis" in card
    assert "BCCD" in card and "MIT" in card
    assert "CC BY 4.0" in " ".join(card.split())
    assert Run(KIT).read(Config).recipe.init == "scratch", "weights made from ImageNet's must not be handed on"
