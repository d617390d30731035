"""Which images of a file with several are meant on the command line, and what their results are called."""

from pathlib import Path

from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.io import image_names
from noise2detail.io.names import split_suffix
from noise2detail.io.several import Choice, choose, labels
from noise2detail.io.source import Source

ALL = "all"
"""The choice of every image, each with a result of its own."""


def find_choice(text: str | None) -> Choice | None:
    """What is meant: digits are a number, even where an image has such a name.

    Raises
    ------
    SettingError
        Nothing at all.

    >>> find_choice("12"), find_choice("Series 12")
    (12, 'Series 12')
    """
    if text == "":
        raise SettingError("--image is empty; expected the number or the name of an image")
    return int(text) if text is not None and text.isascii() and text.isdecimal() else text


def chosen_images(source: Source, choice: Choice) -> tuple[tuple[Choice, str], ...]:
    """Each image that is meant, and what tells its result from those of the others; empty where there are none.

    A file that cannot be read, or lacks the image, gives the choice as it is: that is told when its turn comes.

    Parameters
    ----------
    source
        The input.
    choice
        Of one image, or ``ALL``.
    """
    try:
        names = ("",) if source.parts else image_names(source.path)
        number = None if choice == ALL else choose(source.path, "images", names, choice)
    except UnreadableFileError:
        return ((0 if choice == ALL else choice, ""),)
    if len(names) == 1:
        return ((0, ""),)
    return tuple((one, label) for one, label in enumerate(labels(names)) if number in (None, one))


def labelled(output: Path, label: str) -> Path:
    """The name of an output with what tells it from those of other images of the same file.

    >>> labelled(Path("cells.ome.tif"), "left").name
    'cells.left.ome.tif'
    """
    stem, suffix = split_suffix(output)
    return output.with_name(f"{stem}.{label}{suffix}") if label else output
