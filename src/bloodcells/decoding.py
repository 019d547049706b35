"""Values from JSON and TOML as frozen dataclasses: what a file holds is checked once, where it is read."""

import math
from collections.abc import Container, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from bloodcells.errors import KitError, first_line, quoted

_HAIR = 1e-6  # by which a sum of float32 may leave 0..1
_UNLIMITED = 2**53  # up to here a float holds every whole number
Share = Annotated[float, (-_HAIR, 1 + _HAIR)]
Amount = Annotated[float, (0, _UNLIMITED)]
Count = Annotated[int, (0, _UNLIMITED)]
Positive = Annotated[int, (1, _UNLIMITED)]
Name = Annotated[str, (1, 1000)]


class OneOf(tuple[Any, ...]):
    """The values that something may have, in the order in which a refusal lists them."""


_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def decoded(value: Any, kind: Any, place: str = "") -> Any:
    """``value``, as `json.loads` or `tomllib.loads` gives it, as an instance of ``kind``.

    A key that a dataclass lacks is passed over, so that a later kit's file can be read; a field with a default may be
    missing.

    Args:
        value: lists, mappings, strings, numbers, booleans and None.
        kind: a dataclass, ``tuple[X, ...]``, ``tuple[X, Y]``, ``Mapping[str, X]`` or ``dict[str, X]``, ``X | None``,
            str, bool, int, float (finite), Any, or ``Annotated`` with the values `OneOf` which it has, or with the
            lowest and the highest value of a number or length of a text or tuple.
        place: the place of the value, for the message.

    Raises:
        ValueError: it is none, in one line: *place: expected X, got Y*.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        return _limited(value, arguments[0], arguments[1], place)
    if origin in (Union, UnionType):
        (other,) = (one for one in arguments if one is not NoneType)
        return None if value is None else decoded(value, other, place)
    if origin is tuple:
        return _decoded_tuple(value, arguments, place)
    if origin in (dict, Mapping):
        return {key: decoded(one, arguments[1], _inside(place, key)) for key, one in _mapping(value, place).items()}
    if is_dataclass(kind):
        return _decoded_record(value, kind, place)
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        _refuse(value, _WORDS[kind], place)
    return _finite(value, place) if kind is float else value


def read_as(kind: Any, value: Any, path: Path) -> Any:
    """The JSON ``value`` of the file ``path`` as a record of ``kind``.

    Raises:
        KitError: it is none.
    """
    try:
        return decoded(value, kind)
    except (ValueError, RecursionError) as error:
        raise KitError(f"{path} is damaged: {first_line(error)}. Run the step that writes it again.") from error


def decoded_strictly(
    value: Mapping[str, Any], kind: Any, what: str, advice: str = "Correct it.", /, **given: Any
) -> Any:
    """What a user has written as a record of the dataclass ``kind``, in which no key is misspelt.

    Args:
        value: the keys and values of the file.
        kind: a dataclass.
        what: the file is, for the refusal.
        advice: what to do about a refusal.
        given: the fields that the file may not have, since the kit knows them.

    Raises:
        KitError: it is none; where a key is unknown, the line lists those that there are.
    """
    try:
        _refuse_unknown_keys(value, kind, "", given)
        _refuse_unknown_keys(given, kind, "")
        return decoded({**value, **given}, kind)
    except ValueError as error:
        raise KitError(f"{what}: {error}. {advice}") from error


def _refuse_unknown_keys(value: Any, kind: Any, place: str, given: Container[str] = ()) -> None:
    """Of the records in ``value``, at any depth; those ``given`` are unknown to the outermost."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        for number, one in enumerate(value):
            _refuse_unknown_keys(one, get_args(kind)[0], _inside(place, number))
    elif is_dataclass(kind) and isinstance(value, Mapping):
        known = {name: of for name, of in get_type_hints(kind, include_extras=True).items() if name not in given}
        for key, one in value.items():
            if key not in known:
                _refuse(key, f"keys of {', '.join(known)}", place)
            _refuse_unknown_keys(one, known[key], _inside(place, key))


def _limited(value: Any, kind: Any, limits: tuple[Any, ...], place: str) -> Any:
    found = decoded(value, kind, place)
    if isinstance(limits, OneOf):
        return found if found in limits else _refuse(value, f"one of {', '.join(map(str, limits))}", place)
    low, high = limits
    number = isinstance(found, int | float)
    if low <= (found if number else len(found)) <= high:
        return found
    words = f"at least {low:g}" if high == _UNLIMITED else f"{round(low, 3) + 0:g} to {round(high, 3):g}"
    return _refuse(value, words + ("" if number else " characters" if isinstance(found, str) else " entries"), place)


def _decoded_tuple(value: Any, arguments: tuple[Any, ...], place: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        _refuse(value, "a list", place)
    kinds = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
    if len(kinds) != len(value):
        _refuse(value, f"{len(kinds)} values", place)
    return tuple(decoded(one, of, _inside(place, n)) for n, (one, of) in enumerate(zip(value, kinds, strict=True)))


def _decoded_record(value: Any, kind: Any, place: str) -> Any:
    given, found = _mapping(value, place), {}
    for field in fields(kind):
        if field.name in given:
            found[field.name] = decoded(given[field.name], _hints(kind)[field.name], _inside(place, field.name))
        elif field.default is MISSING and field.default_factory is MISSING:
            _refuse(None, field.name, place)
    return kind(**found)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _inside(place: str, key: object) -> str:
    return f"{place}.{key if str(key).isprintable() else ascii(key)}".lstrip(".")


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _refuse(value, "an object", place)


def _finite(value: Any, place: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return number if math.isfinite(number) else _refuse(value, "a finite number", place)


def _refuse(value: Any, expected: str, place: str) -> Any:
    where, got = f"{place[:200]}: " if place else "", "nothing" if value is None else quoted(value)
    raise ValueError(f"{where}expected {expected}, got {got}")
