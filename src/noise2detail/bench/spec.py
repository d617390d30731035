"""Tables of a case file as frozen records: unknown keys and wrong types are refused, by name."""

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from noise2detail.errors import SettingError
from noise2detail.registry import unknown

Record = TypeVar("Record", bound=Any)
"""A frozen dataclass."""

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def record_from(kind: type[Record], table: Mapping[str, Any], place: str) -> Record:
    """The record that a table describes.

    Parameters
    ----------
    kind
        Its fields are the keys; lists become tuples, tables become records.
    table
        As read from TOML.
    place
        What the table is, for messages.

    Raises
    ------
    SettingError
        An unknown or missing key, or a value of another type.
    """
    hints = typing.get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}
    for key in table:
        if key not in known:
            raise SettingError(f"{place}: {unknown('key', key, tuple(known))}")
    missing = [
        name
        for name, field in known.items()
        if name not in table and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise SettingError(f"{place} lacks {', '.join(missing)}; its keys are: {', '.join(known)}")
    record: Record = kind(**{key: _value(hints[key], given, f"{place}: {key}") for key, given in table.items()})
    return record


def _value(hint: Any, given: Any, place: str) -> Any:
    for option in _options(hint):
        fits, value = _converted(option, given, place)
        if fits:
            return value
    raise SettingError(f"{place} is {given!r}; expected {_wanted(hint)}")


def _converted(hint: Any, given: Any, place: str) -> tuple[bool, Any]:
    """Whether a value fits a type, and the value as of this type."""
    if typing.get_origin(hint) is typing.Literal:
        return given in typing.get_args(hint), given
    if typing.get_origin(hint) is tuple:
        return _row(typing.get_args(hint), given, place)
    if is_dataclass(hint):
        return (True, record_from(typing.cast("type[Any]", hint), given, place)) if _is_table(given) else (False, None)
    if hint is float:
        number = isinstance(given, int | float) and not isinstance(given, bool)
        return number, float(given) if number else None
    return type(given) is hint, given


def _row(choices: tuple[Any, ...], given: Any, place: str) -> tuple[bool, Any]:
    if not isinstance(given, list | tuple):
        return False, None
    kinds = (choices[0],) * len(given) if choices[-1] is Ellipsis else choices
    if len(kinds) != len(given):
        return False, None
    return True, tuple(_value(kind, item, place) for kind, item in zip(kinds, given, strict=True))


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in {typing.Union, types.UnionType} else (hint,)


def _is_table(given: Any) -> bool:
    return isinstance(given, Mapping)


def _wanted(hint: Any) -> str:
    words = []
    for option in _options(hint):
        choices = typing.get_args(option)
        if typing.get_origin(option) is typing.Literal:
            words.append("one of " + ", ".join(map(repr, choices)))
        elif typing.get_origin(option) is tuple:
            many = "" if choices[-1] is Ellipsis else f"{len(choices)} times "
            words.append(f"a list of {many}{_wanted(choices[0])}")
        elif is_dataclass(option):
            words.append(f"a table of {', '.join(field.name for field in fields(option))}")
        elif option is not types.NoneType:
            words.append(_WORDS[option])
    return " or ".join(words)
