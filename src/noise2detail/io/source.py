"""What one image is made of on the disk: a file, a folder, or some files of a folder."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from noise2detail.image import Image
from noise2detail.io.dicom_series import read_series
from noise2detail.io.open import open_image
from noise2detail.io.several import Choice, refuse_choice
from noise2detail.io.sidecar import sha256


@dataclass(frozen=True)
class Source:
    """One image, where a user may name many."""

    path: Path
    """The file or folder that is the image, or the folder that holds its parts."""
    parts: tuple[Path, ...] = ()
    """The files of that folder which are one image together; none: whatever is at the path."""
    label: str = ""
    """Tells it from other images in the same folder; empty where there is none."""
    image: Choice | None = None
    """Which one, of a file with several."""


def open_source(source: Source, axes: str | None = None) -> Image:
    """The image.

    Parameters
    ----------
    source
        Where it lies.
    axes
        As for :func:`open_image`.

    Raises
    ------
    AxesError, UnreadableFileError
        As for :func:`open_image`.
    """
    if not source.parts:
        return open_image(source.path, axes, source.image)
    refuse_choice(source.path, source.image)
    return read_series(source.path, axes, source.parts)


def digest(source: Source) -> str:
    """SHA-256 of the file or folder; of parts, that of the lines that ``sha256sum`` prints for them.

    Raises
    ------
    UnreadableFileError
        A file cannot be read.
    """
    if not source.parts:
        return sha256(source.path)
    lines = (f"{sha256(part)}  {part.name}\n" for part in sorted(source.parts, key=lambda part: part.name))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
