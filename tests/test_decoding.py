"""Values from files as records: what fits is taken, what does not is named by its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from bloodcells.decoding import Amount, Count, Name, OneOf, Positive, Share, decoded, decoded_strictly
from bloodcells.errors import KitError


@dataclass(frozen=True)
class Part:
    name: Name
    share: Share
    count: Count = 3
    note: str | None = None


@dataclass(frozen=True)
class Whole:
    parts: Annotated[tuple[Part, ...], (1, 2)]
    pair: tuple[int, float]
    by_name: Mapping[str, Amount]
    colour: Annotated[str, OneOf(("red", "blue"))]
    anything: Any = None
    flag: bool = False

    def __post_init__(self) -> None:
        if self.flag and self.colour == "blue":
            raise ValueError("colour: expected red with a flag, got blue")


GOOD = {"parts": [{"name": "a", "share": 1}], "pair": [1, 2], "by_name": {"x": 0}, "colour": "red"}


def test_what_fits_is_a_record_with_defaults_and_without_unknown_keys():
    found = decoded({**GOOD, "later": 1, "anything": [[1]]}, Whole)
    assert found == Whole((Part("a", 1.0),), (1, 2.0), {"x": 0.0}, "red", [[1]])
    assert isinstance(found.parts[0].share, float)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"parts": []}, "parts: expected 1 to 2 entries, got []"),
        ({"parts": 3 * GOOD["parts"]}, "parts: expected 1 to 2 entries, got [{"),
        ({"parts": "abc"}, "parts: expected a list, got 'abc'"),
        ({"parts": [{"name": "a"}]}, "parts.0: expected share, got nothing"),
        ({"parts": [{"name": "", "share": 1}]}, "parts.0.name: expected 1 to 1000 characters, got ''"),
        ({"parts": [{"name": 3, "share": 1}]}, "parts.0.name: expected text, got 3"),
        ({"parts": [{"name": "a", "share": -0.5}]}, "parts.0.share: expected 0 to 1, got -0.5"),
        ({"parts": [{"name": "a", "share": float("nan")}]}, "parts.0.share: expected a finite number, got nan"),
        ({"parts": [{"name": "a", "share": 10**400}]}, "parts.0.share: expected a finite number, got 1000"),
        ({"parts": [{"name": "a", "share": True}]}, "parts.0.share: expected a number, got True"),
        ({"parts": [{"name": "a", "share": 1, "count": -1}]}, "parts.0.count: expected at least 0, got -1"),
        ({"parts": [{"name": "a", "share": 1, "count": 1.0}]}, "parts.0.count: expected a whole number, got 1.0"),
        ({"parts": [{"name": "a", "share": 1, "note": 1}]}, "parts.0.note: expected text, got 1"),
        ({"pair": [1]}, "pair: expected 2 values, got [1]"),
        ({"by_name": [1]}, "by_name: expected an object, got [1]"),
        ({"by_name": {"\x1b\n": -1}}, "by_name.'\\x1b\\n': expected at least 0, got -1"),
        ({"colour": "green"}, "colour: expected one of red, blue, got 'green'"),
        ({"flag": 1}, "flag: expected true or false, got 1"),
        ({"flag": True, "colour": "blue"}, "colour: expected red with a flag, got blue"),
        ({"pair": None}, "pair: expected a list, got nothing"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place_in_one_short_line(change, line):
    with pytest.raises(ValueError) as caught:
        decoded({**GOOD, **change}, Whole)
    assert str(caught.value).startswith(line) and len(str(caught.value)) < 200 and str(caught.value).isprintable()


def test_the_outermost_value_needs_no_place():
    with pytest.raises(ValueError, match=r"^expected at least 1, got 0$"):
        decoded(0, Positive)


def test_a_misspelt_key_is_refused_with_those_that_may_be_there():
    with pytest.raises(KitError, match=r"^a file: expected keys of name, share, note, got 'count'\. Correct it\.$"):
        decoded_strictly({"count": 1}, Part, "a file", count=1)
    misspelt = {**GOOD, "parts": [*GOOD["parts"], {"nme": "a"}]}
    place = f"parts.{len(GOOD['parts'])}"
    with pytest.raises(KitError, match=rf"^a file: {place}: expected keys of name, share, count, note, got 'nme'\."):
        decoded_strictly(misspelt, Whole, "a file")
    assert decoded_strictly({"name": "a", "share": 1}, Part, "a file", count=1) == Part("a", 1.0, 1)
