import pytest

from bloodcells.data.classes import labels_of, matched
from bloodcells.errors import KitError

CLASSES = ("basophil", "immature granulocyte", "Red-Cell", "red cell 2")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("basophil", 0), ("BASOPHIL ", 0), ("Immature_Granulocyte", 1), ("immature-granulocyte", 1),
        ("immaturegranulocyte", 1), ("ig", 1), ("IG", 1), ("red cell", 2), ("RC", 2), ("rc2", 3), ("0", 0), ("3", 3),
        ("4", None), ("b", None), ("", None), ("basophils", None),
    ],
)  # fmt: skip
def test_a_class_is_known_by_its_name_its_initials_or_its_index(name: str, place: int | None) -> None:
    assert matched([name], CLASSES) == {name: place}


def test_initials_that_two_classes_share_are_of_none() -> None:
    assert matched(["rc"], ("red cell", "round cell")) == {"rc": None}


def test_a_number_that_is_a_name_is_no_index() -> None:
    assert matched(["1", "0"], ("1", "2")) == {"1": 0, "0": None}


def test_unknown_names_are_refused_in_one_line_that_knows_a_way_out() -> None:
    with pytest.raises(KitError) as refused:
        labels_of(["rose", "basophil", *"tulipx"], CLASSES, "flowers", "Blood")
    assert str(refused.value) == (
        "flowers: expected the classes of Blood (basophil, immature granulocyte, Red-Cell, red cell 2), got rose, t, "
        "u, l, i and 2 more. For another competition: bloodcells new NAME --data flowers."
    )
