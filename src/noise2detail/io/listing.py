"""The images that a user means by naming files and folders."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from noise2detail.errors import UnreadableFileError
from noise2detail.io.names import READ_ONLY, WRITTEN, split_suffix
from noise2detail.io.nifti import header_beside
from noise2detail.io.ome_sets import whole_of
from noise2detail.io.open import is_image_folder, readable
from noise2detail.io.sidecar import SIDECAR_SUFFIX

_SUFFIXES = (
    READ_ONLY
    | WRITTEN
    | {".btf", ".tf2", ".tf8", ".lsm", ".stk", ".czi", ".nd2", ".lif", ".oif", ".oib", ""}  # many scans have no suffix
)
_EXAMPLES = ".tif, .png, .npy, .nii, .nii.gz, .mrc, .dcm"


@dataclass(frozen=True)
class Found:
    """What lies behind some paths."""

    images: tuple[Path, ...]
    """Files to denoise, in natural order within each folder."""
    skipped: tuple[tuple[Path, str], ...]
    """Everything else in the folders, each with the reason."""


def find_images(paths: Sequence[Path]) -> Found:
    """The images among files and folders; folders are not searched any deeper.

    Parameters
    ----------
    paths
        Files are taken as they are; of folders, what is named like an image and is one.

    Raises
    ------
    UnreadableFileError
        A path that is not there.
    """
    images: dict[Path, Path] = {}
    skipped: list[tuple[Path, str]] = []
    for path in paths:
        if not path.exists():
            raise UnreadableFileError(path, "there is no such file or folder", "check the name")
        alone = not path.is_dir() or is_image_folder(path)
        for file, reason in [(path, "")] if alone else _inside(path):
            whole = file if reason else whole_of(file)
            if reason or (whole != file and not alone):
                skipped.append((file, reason or f"a part of the image of {whole.name}"))
            else:
                images.setdefault(whole.resolve(), whole)
    return Found(tuple(images.values()), tuple(skipped))


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Key that sorts names as people do.

    >>> sorted([Path("img10.tif"), Path("img2.tif")], key=natural_key)[0].name
    'img2.tif'
    """
    pieces = re.split(r"([0-9]+)", path.name.casefold())
    return tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces if piece)


def _inside(folder: Path) -> Iterator[tuple[Path, str]]:
    try:
        files = sorted(folder.iterdir(), key=natural_key)
    except OSError as error:
        raise UnreadableFileError(folder, f"cannot be listed ({error.strerror})", "check its permissions") from error
    return ((file, _reason(file)) for file in files)


def _reason(file: Path) -> str:
    """Why a file of a folder is no image to denoise; empty where it is one."""
    if file.name.startswith("."):
        return "hidden"
    if file.is_dir():
        if is_image_folder(file):
            return ""
        return "a folder; folders are not searched any deeper"
    if file.name.endswith(SIDECAR_SUFFIX):
        return "says how an image was denoised"
    if file.stem.upper() == "DICOMDIR":
        return "an index of DICOM files"
    suffix = split_suffix(file)[1].lower()
    if suffix not in _SUFFIXES:
        return f"not named like an image ({_EXAMPLES})"
    if header_beside(file) is not None:
        return "holds the pixels of the header beside it"
    try:
        if readable(file):
            return ""
    except UnreadableFileError as error:
        return error.found
    return "named like an image, but its content is none" if suffix else "its content is no image"
