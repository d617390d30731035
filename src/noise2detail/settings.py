"""A method's settings as plain data and as text, and back."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from noise2detail.engine.averaging import Averaging
from noise2detail.engine.crops import Crops
from noise2detail.engine.held_out import Stopping
from noise2detail.engine.optimizers import Adam, Muon
from noise2detail.engine.schedule import Halving, OneCycle
from noise2detail.engine.smoother import PairSmoother
from noise2detail.engine.training import Training
from noise2detail.errors import SettingError
from noise2detail.methods.stabilized import Stabilized
from noise2detail.registry import METHODS, unknown

Changed = TypeVar("Changed", bound=Any)
"""A method, or a record among its settings."""

_PARTS = (Stabilized, Training, Halving, OneCycle, Crops, Adam, Muon, Averaging, Stopping, PairSmoother)

RECORDS: Mapping[str, type[Any]] = {
    record.__name__: record for record in (*_PARTS, *(entry.method for entry in METHODS.values()))
}
"""Every record that may stand in a method's settings."""


def to_data(value: Any) -> Any:
    """Records as dictionaries with their ``type``, tuples as lists, everything else as it is: what JSON can hold."""
    if is_dataclass(value):
        return {"type": type(value).__name__} | {f.name: to_data(getattr(value, f.name)) for f in fields(value)}
    return [to_data(item) for item in value] if isinstance(value, tuple) else value


def from_data(data: Any) -> Any:
    """What ``to_data`` was given.

    Raises
    ------
    SettingError
        A record or field that this version does not know, or a value of another type.
    """
    if isinstance(data, Mapping):
        content = {name: from_data(value) for name, value in data.items() if name != "type"}
        try:
            record = RECORDS[data["type"]](**content)
        except (AttributeError, KeyError, TypeError) as error:
            raise SettingError(f"settings of another version: {data.get('type')} with {sorted(content)}") from error
        check_types(record)
        return record
    return tuple(from_data(item) for item in data) if isinstance(data, list) else data


def check_types(record: Any) -> None:
    """Raise unless every field of a record holds what its annotation says: files may hold anything.

    Raises
    ------
    SettingError
        With the field and its value.
    """
    hints = typing.get_type_hints(type(record))
    for field in fields(record):
        value = getattr(record, field.name)
        if not _fits(hints[field.name], value):
            raise SettingError(
                f"{field.name} of {type(record).__name__} is {value!r}; expected {_wanted(hints[field.name])}"
            )


def _fits(hint: Any, value: Any) -> bool:
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return any(value == choice and type(value) is type(choice) for choice in choices)
    if origin in {typing.Union, types.UnionType}:
        return any(_fits(choice, value) for choice in choices)
    if origin is tuple:
        kinds = choices[:1] * len(value) if isinstance(value, tuple) and choices[1:] == (...,) else choices
        return (
            isinstance(value, tuple)
            and len(value) == len(kinds)
            and all(_fits(kind, item) for kind, item in zip(kinds, value, strict=True))
        )
    if hint in {int, float}:
        return isinstance(value, (int, float) if hint is float else int) and not isinstance(value, bool)
    kind = origin or hint
    return kind is Any or not isinstance(kind, type) or isinstance(value, kind)


def changed(method: Changed, setting: str) -> Changed:
    """The method with one setting changed, as in ``stage1.steps=500``.

    Raises
    ------
    SettingError
        No such setting, or not a value for it.
    """
    name, equals, value = (part.strip() for part in setting.partition("="))
    if not name or not equals:
        raise SettingError(f"--set {setting} is no setting; expected NAME=VALUE, as in --set stage1.steps=500")
    return with_setting(method, name, value)


def with_setting(method: Changed, name: str, text: str) -> Changed:
    """The method with one setting changed.

    Parameters
    ----------
    method
        A method, or one of its records.
    name
        Of a field; with dots for a field of a field, as in ``stage1.steps``.
    text
        The value as people type it: ``2,4`` or ``none`` for numbers in a row, ``yes`` or ``no`` for a switch, the name
        of a record such as ``adam`` for that record as it is by default.

    Raises
    ------
    SettingError
        No such setting, or not a value for it.
    """
    own, _, rest = name.partition(".")
    hints = typing.get_type_hints(type(method))
    hints = {field.name: hints[field.name] for field in fields(method)}
    if own not in hints:
        raise SettingError(unknown("setting", own, tuple(hints)))
    current = getattr(method, own)
    records = _records_in(hints[own])
    if rest and current is None and len(records) == 1:
        current = records[0]()
    if rest and not is_dataclass(current):
        raise SettingError(f"{own} is {current}; it has no setting {rest!r}")
    value = with_setting(current, rest, text) if rest else _parse(hints[own], name, text)
    return replace(method, **{own: value})


def _parse(hint: Any, name: str, text: str) -> Any:
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    try:
        if origin is typing.Literal:
            return {str(choice): choice for choice in choices}[text]
        if hint is bool:
            return {"yes": True, "true": True, "no": False, "false": False}[text.lower()]
        if origin is tuple:
            return tuple(choices[0](item) for item in text.split(",") if item.strip() and text != "none")
        if origin in {typing.Union, types.UnionType} and types.NoneType in choices and text == "none":
            return None
        if origin in {typing.Union, types.UnionType} and (plain := _plain_in(choices)):
            return plain(text)
        if records := _records_in(hint):
            return {record.__name__.lower(): record for record in records}[text.lower()]()
        if hint in {int, float, str}:
            return hint(text)
    except (KeyError, ValueError):
        pass
    raise SettingError(f"{name}={text} is not a value for {name}; expected {_wanted(hint)}")


def _plain_in(choices: tuple[Any, ...]) -> Any:
    """The one number or text type among the types that a setting may have; None where there is none."""
    return next((kind for kind in choices if kind in {int, float, str}), None)


def _records_in(hint: Any) -> list[type[Any]]:
    """Records that a setting of this type may be."""
    return [kind for kind in (typing.get_args(hint) or (hint,)) if isinstance(kind, type) and is_dataclass(kind)]


def _wanted(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) is tuple:
        return "numbers with commas between, or none"
    if typing.get_origin(hint) is Mapping:
        return "named values"
    if plain := _plain_in(typing.get_args(hint)):
        return f"{_wanted(plain)}, or none"
    if records := _records_in(hint):
        names = [record.__name__.lower() for record in records]
        parts = [f.name for record in records for f in fields(record)]
        return f"{' or '.join(names)}, or one of its parts: {', '.join(dict.fromkeys(parts))}"
    return {int: "a whole number", float: "a number", bool: "yes or no"}.get(hint, str(hint))
