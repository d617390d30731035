"""The images that a command line names: patterns that the shell left alone, files, and folders with all below them."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from noise2detail.errors import UnreadableFileError
from noise2detail.io import find_images, sidecar_path
from noise2detail.io.listing import natural_key
from noise2detail.io.open import is_image_folder
from noise2detail.io.source import Source


@dataclass(frozen=True)
class Inputs:
    """What a command line names."""

    paths: tuple[Path, ...]
    """As they were typed, patterns replaced by what fits them."""
    sources: tuple[Source, ...]
    """Each image once, in the order in which they were named."""
    skipped: tuple[tuple[Path, str], ...]
    """Other files, each with the reason."""
    absent: tuple[UnreadableFileError, ...]
    """Inputs that are not there."""
    told: tuple[tuple[Path, str], ...]
    """Folders, and what people should know about their images."""

    @property
    def collection(self) -> bool:
        """Whether there may be several images."""
        return len(self.paths) > 1 or any(map(is_collection, self.paths))


def find_inputs(typed: Sequence[Path], *, without: Path | None = None, again: bool = True) -> Inputs:
    """The images behind files, folders and patterns.

    Parameters
    ----------
    typed
        As they stand on the command line.
    without
        A folder below the inputs that holds outputs.
    again
        Results of this program are inputs too, where a folder or a pattern leads to any.
    """
    paths, absent = expanded(typed)
    sources: dict[tuple[Path, ...], Source] = {}
    skipped: list[tuple[Path, str]] = []
    told: list[tuple[Path, str]] = []
    for path in paths:
        try:
            found = find_images([path], without)
        except UnreadableFileError as error:
            absent.append(error)
            continue
        skipped += found.skipped
        told += found.told
        for source in found.sources:
            named = source.path == path and path in typed
            if not again and not named and sidecar_path(source.path).exists():
                skipped.append((source.path, "an earlier result of this program"))
            else:
                sources.setdefault(tuple(one.resolve() for one in (source.path, *source.parts)), source)
    return Inputs(tuple(paths), tuple(sources.values()), tuple(skipped), tuple(absent), tuple(told))


def expanded(typed: Sequence[Path]) -> tuple[list[Path], list[UnreadableFileError]]:
    """Paths with patterns replaced by the files that fit them, and patterns that fit none.

    Shells of Windows leave that to the program. A file that is called like a pattern is meant itself.
    """
    paths: dict[Path, None] = {}
    absent: list[UnreadableFileError] = []
    for path in typed:
        if os.path.lexists(path) or not glob.has_magic(str(path)):
            paths[path] = None
            continue
        fitting = sorted(map(Path, glob.glob(str(path), recursive=True)), key=_by_folders)  # noqa: PTH207 - knows **
        if not fitting:
            absent.append(UnreadableFileError(path, "no file fits this pattern", "check the name and the folder"))
        paths |= dict.fromkeys(fitting)
    return list(paths), absent


def is_collection(path: Path) -> bool:
    """Whether a path is a folder that may hold several images."""
    return path.is_dir() and not is_image_folder(path)


def common_root(paths: Sequence[Path]) -> Path | None:
    """The folder below which outputs keep the places of their inputs; None where there is none, as on two disks.

    That of a single folder is the folder itself.
    """
    if len(paths) == 1 and is_collection(paths[0]):
        return absolute(paths[0])
    try:
        return Path(os.path.commonpath([absolute(path).parent for path in paths]))
    except ValueError:
        return None


def _by_folders(path: Path) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    return tuple(natural_key(Path(part)) for part in path.parts)


def absolute(path: Path) -> Path:
    """The path from the root, without a look at links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links out of the folder
