"""JSON values as frozen dataclasses: what a file holds is checked once, where it is read."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

_HAIR = 1e-6  # by which a sum of float32 may leave 0..1
Share = Annotated[float, (-_HAIR, 1 + _HAIR)]
Count = Annotated[int, (0, 2**53)]


def decoded(value: Any, kind: Any, place: str = "") -> Any:
    """``value``, as `json.loads` gives it, as an instance of ``kind``.

    A key that a dataclass lacks is passed over, so that a later kit's file can be read; a field with a default may be
    missing.

    Args:
        value: of lists, mappings, strings, numbers, booleans and None.
        kind: a dataclass, ``tuple[X, ...]``, ``tuple[X, Y]``, ``Mapping[str, X]`` or ``dict[str, X]``, ``X | None``,
            str, bool, int, float (finite), or ``Annotated`` of a number with its lowest and highest value.
        place: of the value, for the message.

    Raises:
        ValueError: it is none, in one line: *place: expected X, got Y*.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        number, (low, high) = decoded(value, arguments[0], place), arguments[1]
        return number if low <= number <= high else _refuse(value, f"{low:g} to {high:g}", place)
    if origin in (Union, UnionType):
        (other,) = (one for one in arguments if one is not NoneType)
        return None if value is None else decoded(value, other, place)
    if origin is tuple:
        return _decoded_tuple(value, arguments, place)
    if origin in (dict, Mapping):
        return {key: decoded(one, arguments[1], f"{place}.{key}") for key, one in _mapping(value, place).items()}
    if is_dataclass(kind):
        return _decoded_record(value, kind, place)
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        _refuse(value, kind.__name__, place)
    return _finite(value, place) if kind is float else value


def _decoded_tuple(value: Any, arguments: tuple[Any, ...], place: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        _refuse(value, "a list", place)
    kinds = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
    if len(kinds) != len(value):
        _refuse(value, f"{len(kinds)} values", place)
    return tuple(decoded(one, kind, f"{place}[{n}]") for n, (one, kind) in enumerate(zip(value, kinds, strict=True)))


def _decoded_record(value: Any, kind: Any, place: str) -> Any:
    hints, given = get_type_hints(kind, include_extras=True), _mapping(value, place)
    found = {}
    for field in fields(kind):
        if field.name in given:
            found[field.name] = decoded(given[field.name], hints[field.name], f"{place}.{field.name}".lstrip("."))
        elif field.default is MISSING and field.default_factory is MISSING:
            _refuse(None, field.name, place)
    return kind(**found)


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _refuse(value, "an object", place)


def _finite(value: Any, place: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return number if math.isfinite(number) else _refuse(value, "a finite number", place)


def _refuse(value: Any, expected: str, place: str) -> Any:
    got = "nothing" if value is None else repr(value)
    raise ValueError(f"{place or 'it'}: expected {expected}, got {got if len(got) <= 60 else got[:57] + '...'}")
