"""Files that hold several images: which of them is meant, and what tells their results apart."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from noise2detail.errors import SeveralImagesError, UnreadableFileError

Choice = int | str
"""Number of an image, counted from 0, or its name."""

NONE_OF_THEM = -1
"""A choice that no file can fulfil; the refusal says what there is to choose from."""

_LISTED = 20
_LONGEST = 40
"""Bytes of the name of an image that go into that of a file."""


def choose(path: Path, kind: str, names: Sequence[str], choice: Choice | None, notes: Sequence[str] = ()) -> int:
    """Number of the image that is meant: the chosen one, or the only one.

    Parameters
    ----------
    path
        The file.
    kind
        What its images are called there, in the plural.
    names
        One for each image; empty where it has none.
    choice
        By number or name; None: there should be one only.
    notes
        More about each image, for the message.

    Raises
    ------
    SeveralImagesError
        Several and none chosen, or the chosen one is not there or not the only one of its name.
    UnreadableFileError
        There is none.
    """
    if not names:
        raise UnreadableFileError(path, "no image found in it", "it is truncated or damaged: copy or export it again")
    if choice is None and len(names) == 1:
        return 0
    if isinstance(choice, int) and 0 <= choice < len(names):
        return choice
    called = [number for number, name in enumerate(names) if choice and name == choice]
    if len(called) == 1:
        return called[0]
    raise SeveralImagesError(path, *_refusal(kind, names, choice, called, notes), tuple(names))


def refuse_choice(path: Path, choice: Choice | None) -> None:
    """Raise where another than the first image is wanted of a file of a format that holds one.

    Raises
    ------
    SeveralImagesError
        There is no such image.
    """
    choose(path, "images", [""], choice)


def labels(names: Sequence[str]) -> tuple[str, ...]:
    """What tells the results of the images of a file apart, fit for names of files: the name, or else the number.

    No two are the same, also where capitals do not count.

    >>> labels(["Series 1/left", "", "a", "A", "7"])
    ('Series_1_left', '1', '2', '3', '4')
    """
    cleaned = [_cleaned(name) for name in names]
    count = Counter(label.casefold() for label in cleaned)
    return tuple(
        str(number) if label.isdecimal() or not label or count[label.casefold()] > 1 else label
        for number, label in enumerate(cleaned)
    )


def _cleaned(name: str) -> str:
    letters = unicodedata.normalize("NFC", name)
    plain = "".join(letter if letter.isalnum() or letter in "-+" else "_" for letter in letters)
    return plain.encode()[:_LONGEST].decode(errors="ignore").strip("_-+")


def _refusal(
    kind: str, names: Sequence[str], choice: Choice | None, called: Sequence[int], notes: Sequence[str]
) -> tuple[str, str]:
    listed = ", ".join(
        " ".join(part for part in (str(number), repr(name) if name else "", *notes[number : number + 1]) if part)
        for number, name in enumerate(names[:_LISTED])
    )
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    one = len(names) == 1
    holds = f"holds one image: {listed}" if one else f"holds {len(names)} {kind}: {listed}{more}"
    if called:
        numbers = ", ".join(map(str, called))
        return (
            f"{holds}; those with the numbers {numbers} are called {choice!r}",
            f"choose by number: --image {called[0]}",
        )
    if choice is not None:
        last = "choose 0, or leave the choice out" if one else f"choose a number from 0 to {len(names) - 1}, or a name"
        return f"{holds}; none is {choice!r}", last
    return f"{holds}; expected one", "choose one by its number or name, as in --image 0 or open(path, image=0)"
