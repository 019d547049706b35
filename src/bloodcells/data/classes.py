"""The names of classes as people write them, matched to those of a competition."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from bloodcells.errors import KitError


def spelled(name: str) -> str:
    """``name`` without what spellings differ in: case, spaces, hyphens, underscores."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def matched(names: Iterable[str], classes: Sequence[str]) -> dict[str, int | None]:
    """For each different name the index of its class, None where there is no such class.

    A name is spelled like that of the class, or by the first letters of its words (``ig``), or, where no class has a
    number for a name, is the index itself.
    """
    short = ["".join(word[0] for word in re.split(r"[\s_-]+", one) if word) for one in classes]
    by_spelling = {spelled(one): place for place, one in enumerate(short) if len(one) > 1 and short.count(one) == 1}
    if not any(one.strip().isdecimal() for one in classes):
        by_spelling |= {str(place): place for place in range(len(classes))}
    by_spelling |= {spelled(one): place for place, one in enumerate(classes)}
    return {name: by_spelling.get(spelled(name)) for name in dict.fromkeys(names)}


def labels_of(names: Sequence[str], classes: Sequence[str], where: str, title: str) -> np.ndarray:
    """The class of each of N names, (N,) int64.

    Args:
        names: as their owner wrote them.
        classes: the classes of the competition.
        where: the names are from, for a refusal.
        title: the title of the competition, for a refusal.

    Raises:
        KitError: a name is that of no class.
    """
    found = matched(names, classes)
    unknown = [name for name, place in found.items() if place is None]
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise KitError(
            f"{where}: expected the classes of {title} ({', '.join(classes)}), got {', '.join(unknown[:5])}{more}. For "
            f"another competition: bloodcells new NAME --data {where}."
        )
    return np.array([found[name] for name in names], np.int64)
