"""Which of ``TCZYXS`` each dimension of a TIFF is."""

from pathlib import Path

from noise2detail.errors import AxesError, UnreadableFileError
from noise2detail.image import check_axes, likely_axes

_UNKNOWN = "IQ"


def name_axes(path: Path, letters: str, shape: tuple[int, ...], override: str | None) -> str:
    """The axes of an image whose reader calls them ``letters``.

    A dimension without meaning (``I``, ``Q``: a stack of pages) becomes Z, or T where Z is taken: the two are treated
    alike, and the file is written as a stack of pages again.

    Parameters
    ----------
    path
        The file, for messages.
    letters
        One for each dimension, as the TIFF library names them.
    shape
        Of the array.
    override
        What the user says; believed where it fits the shape.

    Raises
    ------
    AxesError
        The override does not fit.
    UnreadableFileError
        Letters that have no counterpart, or more than one dimension without meaning.
    """
    if override is not None:
        check_axes(override, shape)
        return override
    named = letters
    if sum(letter in _UNKNOWN for letter in letters) == 1:
        free = next((axis for axis in "ZT" if axis not in letters), "")
        named = "".join(free if letter in _UNKNOWN and free else letter for letter in letters)
    try:
        check_axes(named, shape)
    except AxesError as error:
        likely = likely_axes(shape)
        example = f", for example axes={likely[0]!r}" if likely else ""
        raise UnreadableFileError(
            path,
            f"its dimensions {shape} are called {letters!r}, and not all of them are known",
            f"name them{example}; letters: T time, C channel, Z depth, Y row, X column, S RGB sample",
        ) from error
    return named
