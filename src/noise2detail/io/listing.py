"""The images that a user means by naming files and folders."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from noise2detail.errors import UnreadableFileError
from noise2detail.io.dicom import begins_like_dicom
from noise2detail.io.dicom_series import remains_of
from noise2detail.io.dicom_tree import by_series
from noise2detail.io.names import READ_ONLY, WRITTEN, split_suffix
from noise2detail.io.nifti import header_beside
from noise2detail.io.ome_sets import whole_of
from noise2detail.io.open import is_image_folder, readable
from noise2detail.io.sidecar import SIDECAR_SUFFIX
from noise2detail.io.source import Source

_SUFFIXES = (
    READ_ONLY
    | WRITTEN
    | {".btf", ".tf2", ".tf8", ".lsm", ".stk", ".czi", ".nd2", ".lif", ".oif", ".oib", ""}  # many scans have no suffix
)
_EXAMPLES = ".tif, .png, .npy, .nii, .nii.gz, .mrc, .dcm"


@dataclass(frozen=True)
class Found:
    """What lies behind some paths."""

    sources: tuple[Source, ...]
    """Images to denoise, in natural order within each folder."""
    skipped: tuple[tuple[Path, str], ...]
    """Everything else in the folders, each with the reason."""
    told: tuple[tuple[Path, str], ...] = ()
    """Folders, and what people should know about their images."""

    @property
    def images(self) -> tuple[Path, ...]:
        """Where the images lie."""
        return tuple(source.path for source in self.sources)


def find_images(paths: Sequence[Path], without: Path | None = None) -> Found:
    """The images among files and folders, and in the folders below these.

    Links to folders are followed last, and no folder is searched twice, so a circle of links has an end.

    Parameters
    ----------
    paths
        Files are taken as they are; of folders, what is named like an image and is one.
    without
        A folder that is not searched unless it is one of the paths: that of the outputs.

    Raises
    ------
    UnreadableFileError
        A path that is not there, or a folder among them that cannot be listed.
    """
    walk = _Walk(without=None if without is None else without.resolve())
    for path in paths:
        if not path.exists():
            raise UnreadableFileError(path, "there is no such file or folder", "check the name")
        if not path.is_dir() or is_image_folder(path):
            walk.sources.append(Source(whole_of(path)))
        elif path.resolve() not in walk.searched:
            walk.search(path)
    while walk.links:
        walk.follow(walk.links.pop(0))
    return Found(_labelled(_each_once(walk.sources)), tuple(walk.skipped), tuple(walk.told))


@dataclass
class _Walk:
    """A walk through folders, and what it has met."""

    without: Path | None
    sources: list[Source] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    told: list[tuple[Path, str]] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    """To folders, not yet followed."""
    searched: set[Path] = field(default_factory=set)
    """Folders by their true names."""

    def search(self, folder: Path) -> None:
        """Take the images of a folder and of those below."""
        self.searched.add(folder.resolve())
        files: list[Path] = []
        folders: list[Path] = []
        for entry in _entries(folder):
            reason = why_skipped(entry)
            if reason:
                self.skipped.append((entry, reason))
            elif entry.is_dir() and not is_image_folder(entry):
                (self.links if entry.is_symlink() else folders).append(entry)
            else:
                files.append(entry)
        self._take(folder, files)
        for below in folders:
            self.follow(below)

    def follow(self, folder: Path) -> None:
        """Search a folder that was met on the way."""
        place = folder.resolve()
        if place == self.without:
            self.skipped.append((folder, "the outputs go there"))
        elif place not in self.searched:
            try:
                self.search(folder)
            except UnreadableFileError as error:
                self.skipped.append((folder, error.found))

    def _take(self, folder: Path, files: Sequence[Path]) -> None:
        """Make the files of a folder into images: here those that belong together become one."""
        scans = [file for file in files if file.is_file() and begins_like_dicom(file)]
        found = by_series(folder, scans)
        self.skipped += found.skipped
        self.told += found.told
        sources = self._with_remains(folder, scans, found.sources)
        others = set(files) - set(scans)
        wholes = [self._whole(file) for file in files if file in others]
        self.sources += sorted(
            [*sources, *map(Source, wholes)], key=lambda one: natural_key((one.parts or (one.path,))[0])
        )

    def _with_remains(self, folder: Path, scans: Sequence[Path], sources: Sequence[Source]) -> Sequence[Source]:
        """The images, a lone series with what is left of its slices: whoever opens it is told of them."""
        if len(sources) != 1 or not sources[0].parts:
            return sources
        remains = remains_of(folder, scans)
        self.skipped = [entry for entry in self.skipped if entry[0] not in remains]
        return [replace(sources[0], parts=(*sources[0].parts, *remains))]

    def _whole(self, file: Path) -> Path:
        """The file, or the one that stands for the set to which it belongs."""
        whole = whole_of(file)
        if whole != file:
            self.skipped.append((file, f"a part of the image of {whole.name}"))
        return whole


def _each_once(sources: Iterable[Source]) -> list[Source]:
    """Without those that were met before under another name."""
    found: dict[tuple[Path, ...], Source] = {}
    for source in sources:
        found.setdefault(tuple(path.resolve() for path in (source.path, *source.parts)), source)
    return list(found.values())


def _labelled(sources: Sequence[Source]) -> tuple[Source, ...]:
    """The images, with labels only where a folder is not that of one image alone."""
    within: dict[Path, int] = {}
    for source in sources:
        for folder in {source.path, *source.path.parents}:
            within[folder] = within.get(folder, 0) + 1
    return tuple(replace(one, label="") if one.parts and within[one.path] == 1 else one for one in sources)


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Key that sorts names as people do.

    >>> sorted([Path("img10.tif"), Path("img2.tif")], key=natural_key)[0].name
    'img2.tif'
    """
    pieces = re.split(r"([0-9]+)", path.name.casefold())
    return tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces if piece)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=natural_key)
    except OSError as error:
        raise UnreadableFileError(folder, f"cannot be listed ({error.strerror})", "check its permissions") from error


def why_skipped(file: Path) -> str:
    """Why a file of a folder is no image to denoise; empty where it is one, or a folder."""
    if file.name.startswith("."):
        return "hidden"
    if file.is_dir():
        whole = file.with_suffix("")
        return f"a part of the image of {whole.name}" if file.suffix == ".files" and whole.is_file() else ""
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
