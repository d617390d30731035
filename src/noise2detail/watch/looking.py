"""One look at a watched folder: names, sizes and times, without opening a file that may still be written."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from noise2detail.io.dicom import begins_like_dicom
from noise2detail.io.ndtiff import FULL, INDEX
from noise2detail.io.sidecar import SIDECAR_SUFFIX

_TEMPORARY = re.compile(
    r"^[.~]|~$|\.(part|partial|tmp|temp|filepart|crdownload|download|writing|lock|swp)(\.[^.]*)?$", re.IGNORECASE
)
_STORE = frozenset({"zarr.json", ".zgroup", ".zarray", ".zattrs"})
_SCANS = frozenset({".dcm", ".dicom", ".ima"})


@dataclass(frozen=True)
class State:
    """What tells one version of a file or folder from the next; compared for change only, never with a clock."""

    size: int
    """Bytes, of a folder all together."""
    modified: int
    """Newest time of change, as the disk or the server of a share has it."""
    files: int = 1
    """How many."""

    def __add__(self, other: "State") -> "State":
        return State(self.size + other.size, max(self.modified, other.modified), self.files + other.files)


EMPTY = State(0, 0, 0)


@dataclass(frozen=True)
class Look:
    """Everything that was there at one time."""

    units: Mapping[Path, State]
    """Files, and folders that are one image or hold DICOM slices."""
    temporary: Mapping[int, State] = field(default_factory=dict)
    """By inode, files whose names say that they are being written."""
    inodes: Mapping[Path, int] = field(default_factory=dict)
    """Of the files among the units."""


class Looker:
    """The only component that lists the watched folder.

    Parameters
    ----------
    folder
        That is watched, with everything below it.
    without
        A folder that is left out: that of the outputs.
    """

    def __init__(self, folder: Path, without: Path) -> None:
        self._folder, self._without = folder, without.resolve()
        self._scans: dict[Path, bool] = {}
        self._units: dict[Path, State] = {}
        self._temporary: dict[int, State] = {}
        self._inodes: dict[Path, int] = {}

    def __call__(self) -> Look:
        """What is there now.

        Raises
        ------
        OSError
            The folder cannot be listed: it is gone, or its share is.
        """
        self._units, self._temporary, self._inodes = {}, {}, {}
        self._search(self._folder, _listed(self._folder), {self._folder.resolve()})
        self._scans = {path: known for path, known in self._scans.items() if path.parent in self._units}
        return Look(self._units, self._temporary, self._inodes)

    def _search(self, folder: Path, entries: list["os.DirEntry[str]"], seen: set[Path]) -> None:
        names = {entry.name for entry in entries}
        for entry in entries:
            path = folder / entry.name
            if _is_folder(entry):
                self._below(path, names, seen)
            elif is_temporary(entry.name):
                self._note_temporary(entry)
            elif not _is_ours(entry.name, names):
                self._note(folder, path, entry)

    def _below(self, path: Path, beside: set[str], seen: set[Path]) -> None:
        """A folder: an image by itself, part of one, or one with further images."""
        place = path.resolve()
        if is_temporary(path.name) or place == self._without or place in seen or _is_ours(path.name, beside):
            return
        if path.suffix == ".files" and path.stem in beside:
            return
        seen.add(place)
        try:
            entries = _listed(path)
        except OSError:  # it is looked at again next time
            return
        if is_one_image(path, {entry.name for entry in entries}):
            self._units[path] = state_of(path)
        else:
            self._search(path, entries, seen)

    def _note(self, folder: Path, path: Path, entry: "os.DirEntry[str]") -> None:
        try:
            found = entry.stat()
        except OSError:  # gone meanwhile
            return
        state = State(found.st_size, found.st_mtime_ns)
        if self._is_scan(path, found.st_size):
            self._units[folder] = self._units.get(folder, EMPTY) + state
        else:
            self._units[path] = state
            self._inodes[path] = found.st_ino

    def _note_temporary(self, entry: "os.DirEntry[str]") -> None:
        try:
            found = entry.stat()
        except OSError:
            return
        self._temporary[found.st_ino] = State(found.st_size, found.st_mtime_ns)

    def _is_scan(self, path: Path, size: int) -> bool:
        """Whether a file is DICOM: by its name, or where that says nothing by its first bytes, which stay."""
        suffix = path.suffix.lower()
        if suffix in _SCANS:
            return True
        if suffix and not suffix[1:].isdecimal():
            return False
        if path not in self._scans:
            try:
                known = begins_like_dicom(path)
            except OSError:
                return False
            if not known and size < _ENOUGH:
                return False
            self._scans[path] = known
        return self._scans[path]


_ENOUGH = 132
"""Bytes after which a file of DICOM shows its mark."""


def is_temporary(name: str) -> bool:
    """Whether a name says that the file is being written, or is hidden.

    >>> [is_temporary(name) for name in ("a.tif", "a.tif.part", ".a.tif", "~a.tif", "a.tmp", "a.tif~")]
    [False, True, True, True, True, True]
    """
    return _TEMPORARY.search(name) is not None


def is_one_image(path: Path, names: set[str]) -> bool:
    """Whether a folder with such names in it is an image by itself: a Zarr store or an NDTiff data set."""
    return path.suffix.lower() == ".zarr" or bool(names & _STORE) or bool(names & {INDEX, FULL})


def state_of(path: Path) -> State:
    """What is at a path: a file, or a folder with everything in it; nothing where it is gone."""
    try:
        found = path.stat()
        if not path.is_dir():
            return State(found.st_size, found.st_mtime_ns)
        entries = _listed(path)
    except OSError:
        return EMPTY
    total = EMPTY
    for entry in entries:
        if _is_folder(entry):
            total += state_of(path / entry.name)
            continue
        try:
            found = entry.stat()
        except OSError:
            continue
        total += State(found.st_size, found.st_mtime_ns)
    return total


def _listed(folder: Path) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_ours(name: str, beside: set[str]) -> bool:
    """Whether a file is a result of this program, or the record beside one."""
    return name.endswith(SIDECAR_SUFFIX) or name + SIDECAR_SUFFIX in beside
