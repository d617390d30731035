"""What the axes of a layer mean, as letters: what the layer says, what its units tell, and what must be guessed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noise2detail.errors import AxesError
from noise2detail.image import AXES, check_axes
from noise2detail.napari.units import is_length, is_time

NAMES = {
    "T": ("t", "time", "times", "timepoint", "frame", "frames"),
    "C": ("c", "ch", "channel", "channels"),
    "Z": ("z", "depth", "slice", "slices", "plane", "planes", "section"),
    "Y": ("y", "row", "rows", "height"),
    "X": ("x", "col", "column", "columns", "width"),
}
"""How people call an axis, in lower case."""

GUESSES = {2: "YX", 3: "ZYX", 4: "TZYX", 5: "TCZYX"}
"""By the number of dimensions, where nothing is said; napari shows channels as layers of their own."""


@dataclass(frozen=True)
class Axes:
    """Letters of ``TCZYXS``, one for each dimension of the array."""

    letters: str
    sure: bool
    """False: some of them are a guess, about which a person should be asked."""
    words: str
    """How they were found, one sentence without full stop."""


def find_axes(
    ndim: int,
    *,
    rgb: bool = False,
    labels: Sequence[str] = (),
    units: Sequence[Any] = (),
    wish: str | None = None,
    shape: tuple[int, ...] = (),
) -> Axes:
    """The axes of a layer.

    Parameters
    ----------
    ndim
        Dimensions without the samples of a colour.
    rgb
        The array has one more, of red, green and blue.
    labels, units
        One for each dimension, as the layer has them.
    wish
        What a person says, with or without the ``S`` of colour; it wins.
    shape
        Of the array, for messages.

    Raises
    ------
    AxesError
        A wish that does not describe the array, or more dimensions than an image has.
    """
    colour = "S" * rgb
    if wish:
        letters = wish.strip().upper()
        letters += colour if rgb and "S" not in letters else ""
        check_axes(letters, shape or (8,) * (ndim + rgb))
        return Axes(letters, True, "as was said")
    named = _named(labels)
    if len(named) == ndim and all(named) and len(set(named)) == ndim and {"Y", "X"} <= set(named):
        return Axes("".join(named) + colour, True, "by the names of the layer's axes")
    if ndim not in GUESSES:
        raise AxesError(
            f"the layer has {ndim} dimensions; expected 2 to 5, which are rows and columns and some of {AXES[:3]}: "
            "name the axes of the layer, or split it"
        )
    if ndim == 2:
        return Axes("YX" + colour, True, "rows and columns")
    return _guessed(ndim, colour, named, units)


def _named(labels: Sequence[str]) -> tuple[str, ...]:
    """Letter of each label; empty where it says nothing, as napari's own ``axis -3`` does."""
    meaning = {name: letter for letter, names in NAMES.items() for name in names}
    return tuple(meaning.get(str(label).strip().lower(), "") for label in labels)


def _guessed(ndim: int, colour: str, named: Sequence[str], units: Sequence[Any]) -> Axes:
    """The last two are rows and columns; of those before, what is named or measured in seconds or lengths is known."""
    leading = list(named[: ndim - 2]) if len(named) == ndim else [""] * (ndim - 2)
    told = bool(units) and len(units) == ndim
    for place in range(ndim - 2):
        if told and not leading[place]:
            leading[place] = "T" * is_time(units[place]) or "Z" * is_length(units[place])
    sure = all(leading) and len(set(leading)) == len(leading) and "Y" not in leading and "X" not in leading
    if sure:
        return Axes("".join(leading) + "YX" + colour, True, "by the names and units of the layer's axes")
    letters = GUESSES[ndim]
    known = [letter for letter in leading if letter and letter in "TCZ"]
    if len(known) == len(set(known)) and known:
        free = [letter for letter in "ZTC" if letter not in known]
        letters = "".join(letter if letter in known else free.pop(0) for letter in leading) + "YX"
    names = {"T": "time", "C": "channels", "Z": "depth"}
    said = " and ".join(names[letter] for letter in letters[: ndim - 2])
    return Axes(letters + colour, False, f"a guess: the layer does not say what it steps through, {said} is assumed")
