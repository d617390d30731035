"""The only file that knows every method by name."""

import difflib
from dataclasses import dataclass
from typing import Any

from noise2detail.errors import SettingError
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.methods.zs_n2n import ZeroShotNoise2Noise


@dataclass(frozen=True)
class Entry:
    """A method as people see it."""

    method: type[Any]
    """Its class, a ``Method``; a class cannot be asked at run time whether it fits a protocol with attributes."""
    recipes: tuple[str, ...]
    """Names that its ``recipe`` knows, the default first."""
    title: str
    """One line for people."""


METHODS: dict[str, Entry] = {
    "noise2detail": Entry(
        Noise2Detail,
        ("fast", "best", "paper"),
        "train on the image itself, refine through pixel-shuffled copies, recover detail (Chobola et al. 2025)",
    ),
    "zs_n2n": Entry(
        ZeroShotNoise2Noise,
        ("fast", "best", "paper", "demo"),
        "train on two half-size views of the image itself (Mansour & Heckel 2023)",
    ),
}

DEFAULT = "noise2detail"


def find(method: str) -> Entry:
    """Entry of a method.

    Raises
    ------
    SettingError
        No such method; the message names the nearest.
    """
    if method not in METHODS:
        raise SettingError(unknown("method", method, tuple(METHODS)))
    return METHODS[method]


def unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    """Message for a name that does not exist, with the nearest that does."""
    near = difflib.get_close_matches(name.lower(), known, 1, 0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no {what} {name!r}; {hint}{what}s are: {', '.join(known)}"
