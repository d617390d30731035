"""A folder of DICOM slices as one volume."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.announced import check_announced, check_memory
from noise2detail.io.describe import FACTS_KEY
from noise2detail.io.dicom import (
    PADDING_KEY,
    begins_like_dicom,
    facts,
    parsing,
    read_header,
    read_stored,
    source_file,
)
from noise2detail.io.dicom_fields import frame_count, numbers, padding_range, rescale, whole
from noise2detail.io.dicom_geometry import along_normal, mean_step, micrometres, pixel_spacing, uneven_step
from noise2detail.io.dicom_slices import Slices, StoredSlice, bit_limits
from noise2detail.io.dicom_template import DICOM_KEY, DicomFile, DicomTemplate
from noise2detail.io.dicom_units import in_units
from noise2detail.io.lazy import LazyPixels, stays_in_file
from noise2detail.types import Pixels, PixelSource

_ALIKE = 1e-3
"""Difference of directions (of length 1) and, relative, of pixel sizes that rounding explains."""
_APART = "give a folder that holds the slices of one series, and nothing else"
_DAMAGED_SLICE = "copy or export it again, or take it out of the folder"


@dataclass(frozen=True)
class _Slice:
    path: Path
    header: Any
    series: str
    shape: tuple[int, int]
    orientation: tuple[float, ...]
    place: float
    spacing: dict[str, float]
    rescale: tuple[float, float]
    limits: tuple[int, int]


def read_series(folder: Path | str, axes: str | None = None) -> Image:
    """The volume of a folder of DICOM slices, axes ``ZYX``, in the order of their positions along the normal.

    Every slice is rescaled by its own slope and intercept: Hounsfield units for CT. Files that are not DICOM are passed
    over, unless they are named like the slices.

    Parameters
    ----------
    folder
        Holds the slices of one series, each in a file of its own.
    axes
        Overrides the meaning of the dimensions.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    UnreadableFileError
        No slices, a file named like them that is none, more than one series, slices that differ in shape, scale or
        direction, lie in one place, or are missing; or a slice that cannot be read.
    """
    place = Path(folder)
    paths = _files(place)
    first = _slice(paths[0])
    size = len(paths) * math.prod(first.shape) * _bytes(first.header)
    lazy = stays_in_file(size)
    # headers of thousands of slices would take more memory than a slice
    slices = sorted((_slice(path, keep=not lazy) for path in paths), key=lambda one: one.place)
    _refuse_mixture(place, slices)
    _refuse_gaps(place, slices)
    pixels: PixelSource
    files: Sequence[DicomFile]
    pixels, files = _in_files(place, slices) if lazy else _in_memory(place, slices)
    spacing = dict(slices[0].spacing)
    if len(slices) > 1:
        spacing["Z"] = mean_step([one.place for one in slices])
    header = slices[0].header or read_header(slices[0].path)
    with parsing(slices[0].path, "header"):
        padding = padding_range(header, *slices[0].rescale)
        told = facts(header)
    sizes = micrometres(spacing)
    template = DicomTemplate(files, True, "ZYX", pixels.shape, pixels.dtype, sizes, None)
    metadata = {FACTS_KEY: told, DICOM_KEY: template} | ({PADDING_KEY: padding} if padding else {})
    named = axes or "ZYX"
    kept = {axis: size for axis, size in sizes.items() if axis in named}
    return Image(pixels, named, kept, format="dicom", metadata=metadata)


def _in_memory(place: Path, slices: list[_Slice]) -> tuple[Pixels, tuple[DicomFile, ...]]:
    announced = 8 * len(slices) * math.prod(slices[0].shape)  # as stored and rescaled, 4 bytes each at most
    check_announced(place, announced, announced, compressed=False)
    stored = [read_stored(one.path, one.header) for one in slices]
    files = (source_file(one.path, one.header, own, (one.rescale,)) for one, own in zip(slices, stored, strict=True))
    return in_units(stored, [one.rescale for one in slices]), tuple(files)


def _in_files(place: Path, slices: list[_Slice]) -> tuple[LazyPixels, Slices]:
    check_memory(place, 8 * math.prod(slices[0].shape))
    files = Slices([StoredSlice(one.path, one.rescale, one.limits) for one in slices])
    return LazyPixels(place, (len(slices), *slices[0].shape), files.dtype, 2, files.plane), files


def _bytes(header: Any) -> int:
    return max(1, whole(header, "BitsAllocated") // 8)


def is_series(folder: Path) -> bool:
    """Whether a path is a folder that holds DICOM files, whatever else it holds."""
    return folder.is_dir() and any(True for _ in _dicom_files(folder))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UnreadableFileError(folder, "is no folder", "give the folder that holds the slices of one series")
    found = list(_dicom_files(folder))
    if not found:
        raise UnreadableFileError(folder, "holds no DICOM files", "give the folder that holds the slices themselves")
    _refuse_remains(folder, found)
    return found


def _refuse_remains(folder: Path, slices: list[Path]) -> None:
    """Raise where a file is named like the slices and is none.

    A slice whose copy failed has lost its beginning, and the first or the last of a volume is missed by nobody else.
    """
    suffixes = {path.suffix.lower() for path in slices}
    for path in sorted(set(folder.iterdir()) - set(slices)):
        if _is_index(path) or path.suffix.lower() not in suffixes or path.is_dir():
            continue
        if path.suffix or (path.is_file() and not path.stat().st_size):
            raise UnreadableFileError(path, "is named like a slice, but is no DICOM file", _DAMAGED_SLICE)


def _dicom_files(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise UnreadableFileError(folder, f"cannot be listed ({error.strerror})", "check its permissions") from error
    for path in found:
        if not _is_index(path) and path.is_file() and begins_like_dicom(path):
            yield path


def _is_index(path: Path) -> bool:
    """Whether a file lies beside slices without being one: a list of them, or hidden."""
    return path.name.startswith(".") or path.name.upper() == "DICOMDIR"


def _slice(path: Path, *, keep: bool = True) -> _Slice:
    header = read_header(path)
    with parsing(path, "header"):
        if frame_count(header) > 1 or whole(header, "SamplesPerPixel", 1) > 1:
            raise UnreadableFileError(path, "holds frames or colours; expected one grey slice", "open it by itself")
        orientation = numbers(header, "ImageOrientationPatient")
        position = numbers(header, "ImagePositionPatient")
        known = len(orientation) == 6 and len(position) == 3
        found = _Slice(
            path=path,
            header=header if keep else None,
            series=str(header.get("SeriesInstanceUID", "")),
            shape=(whole(header, "Rows"), whole(header, "Columns")),
            orientation=orientation,
            place=along_normal(orientation, position) if known else math.nan,
            spacing=pixel_spacing(header),
            rescale=rescale(header),
            limits=bit_limits(header),
        )
    if not known:
        raise UnreadableFileError(path, "does not say where its slice lies", _APART)
    return found


def _refuse_mixture(folder: Path, slices: list[_Slice]) -> None:
    first = slices[0]
    series = {one.series: one.path.name for one in slices}
    if len(series) > 1:
        names = ", ".join(sorted(series.values())[:3])
        raise UnreadableFileError(folder, f"holds {len(series)} series, among them those of {names}", _APART)
    for one in slices[1:]:
        pair = f"{first.path.name} and {one.path.name}"
        if one.shape != first.shape:
            sizes = " and ".join(f"{rows}x{columns}" for rows, columns in (first.shape, one.shape))
            raise UnreadableFileError(folder, f"{pair} have {sizes} pixels", _APART)
        if not _alike(one.orientation, first.orientation, _ALIKE):
            raise UnreadableFileError(folder, f"{pair} do not lie in parallel planes", _APART)
        sizes_alike = _alike(tuple(one.spacing.values()), tuple(first.spacing.values()), _ALIKE * _largest(first))
        if not sizes_alike:
            raise UnreadableFileError(folder, f"{pair} have pixels of different size", _APART)


def _refuse_gaps(folder: Path, slices: list[_Slice]) -> None:
    at = uneven_step([one.place for one in slices])
    if at is None:
        return
    steps = [after.place - before.place for before, after in pairwise(slices)]
    twice = min(steps) < _ALIKE
    at = steps.index(min(steps)) if twice else at
    names = " and ".join(one.path.name for one in slices[at : at + 2])
    if twice:
        raise UnreadableFileError(folder, f"{names} lie in the same place", "give one time point or reconstruction")
    raise UnreadableFileError(
        folder,
        f"slices are missing or unevenly spaced: {names} are {steps[at]:.3g} mm apart, usual are "
        f"{median(steps):.3g} mm",
        "copy the missing files, or denoise the slices one by one",
    )


def _alike(one: tuple[float, ...], other: tuple[float, ...], tolerance: float) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def _largest(one: _Slice) -> float:
    return max(one.spacing.values(), default=0.0)
