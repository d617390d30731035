"""Files of a data set, as planes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from noise2detail.errors import AxesError, InputError, UnreadableFileError
from noise2detail.io.listing import natural_key
from noise2detail.io.open import open_image
from noise2detail.types import Pixels

SUFFIXES = (".png", ".tif", ".tiff", ".npy")
"""Of the images of a folder; others are not looked at."""


def read_plane(path: Path) -> Pixels:
    """Pixels of a grey image, ``(y, x)``.

    Raises
    ------
    UnreadableFileError
        Damaged, a stack, or a colour image whose channels differ.
    """
    pixels = read_samples(path)
    if pixels.ndim == 2:
        return pixels
    if not np.all(pixels == pixels[..., :1]):
        raise UnreadableFileError(path, "is a colour image", "this layout expects grey ones: convert both of the pair")
    return pixels[..., 0]


def read_samples(path: Path) -> Pixels:
    """Pixels of one image: ``(y, x)``, or ``(y, x, sample)`` for colour.

    Raises
    ------
    UnreadableFileError
        Damaged, or a stack.
    """
    try:
        image = open_image(path)
    except AxesError as error:  # an NPY file of a stack, which does not say what its axes are
        raise UnreadableFileError(path, "is no single plane", "expected one image in each file") from error
    pixels = np.asarray(image.array)
    plain = pixels.reshape([n for n, axis in zip(pixels.shape, image.axes, strict=True) if axis in "YXS" or n > 1])
    if plain.ndim > 2 + ("S" in image.axes):
        raise UnreadableFileError(
            path, f"holds a stack of shape {pixels.shape} (axes {image.axes})", "expected one plane in each file"
        )
    return plain


def images_in(folder: Path, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """Images of a folder by their names, in natural order; hidden files are left out.

    Raises
    ------
    UnreadableFileError
        The folder is not there or cannot be listed.
    """
    try:
        found = [file for file in folder.iterdir() if file.name.lower().endswith(tuple(suffixes))]
    except OSError as error:
        raise UnreadableFileError(folder, f"cannot be listed ({error.strerror})", "expected a folder") from error
    # archives made on macOS hold a twin ._name for every file, with no image in it
    return sorted((file for file in found if not file.name.startswith(".")), key=natural_key)


def stem(path: Path) -> str:
    """Name without its ending; ``.nii.gz`` is one ending.

    >>> stem(Path("spleen_2.nii.gz")), stem(Path("a.b.tif"))
    ('spleen_2', 'a.b')
    """
    return path.name[:-7] if path.name.lower().endswith(".nii.gz") else path.stem


def by_stem(files: Sequence[Path]) -> dict[str, Path]:
    """Files by their names without endings.

    Raises
    ------
    InputError
        Two that differ in their ending only.
    """
    found: dict[str, Path] = {}
    for file in files:
        if stem(file) in found:
            raise InputError(
                f"{file} and {found[stem(file)].name} have the same name; expected one file for each image"
            )
        found[stem(file)] = file
    return found
