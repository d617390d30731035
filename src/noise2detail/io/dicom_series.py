"""A folder of DICOM slices as one volume."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from noise2detail.io.dicom_padding import told_padding
from noise2detail.io.dicom_slices import Slices, StoredSlice, bit_limits
from noise2detail.io.dicom_template import DICOM_KEY, DicomFile, DicomTemplate
from noise2detail.io.dicom_units import in_units
from noise2detail.io.lazy import LazyPixels, stays_in_file
from noise2detail.io.placement import PLACEMENT_KEY, placed
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
    position: tuple[float, ...]
    place: float
    spacing: dict[str, float]
    rescale: tuple[float, float]
    limits: tuple[int, int]


def read_series(folder: Path | str, axes: str | None = None, files: Sequence[Path] = ()) -> Image:
    """The volume of a folder of DICOM slices, axes ``ZYX``, in the order of their positions along the normal.

    Every slice is rescaled by its own slope and intercept: Hounsfield units for CT. Files that are not DICOM are passed
    over, unless they are named like the slices.

    Parameters
    ----------
    folder
        Holds the slices of one series, each in a file of its own.
    axes
        Overrides the meaning of the dimensions.
    files
        Those of the folder that are meant; none: all.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    UnreadableFileError
        No slices, a file named like them that is none, more than one series, slices that differ in shape, scale or
        direction, lie in one place, or are missing; or a slice that cannot be read.
    """
    place = Path(folder)
    paths = files or _files(place)
    first = _slice(paths[0], read_header(paths[0]))
    lazy = stays_in_file(len(paths) * math.prod(first.shape) * _bytes(first.header))
    # headers of thousands of slices would take more memory than a slice
    slices = _volume(place, (_slice(path, read_header(path), keep=not lazy) for path in paths))
    pixels: PixelSource
    described: Sequence[DicomFile]
    pixels, described, no_data = _in_files(place, slices) if lazy else _in_memory(place, slices)
    spacing = dict(slices[0].spacing)
    if len(slices) > 1:
        spacing["Z"] = mean_step([one.place for one in slices])
    header = slices[0].header or read_header(slices[0].path)
    with parsing(slices[0].path, "header"):
        padding = padding_range(header, *slices[0].rescale)
        told = facts(header)
    sizes = micrometres(spacing)
    template = DicomTemplate(described, True, "ZYX", pixels.shape, pixels.dtype, sizes, None)
    told += told_padding(no_data) if isinstance(no_data, np.ndarray) else ()
    metadata = {FACTS_KEY: told, DICOM_KEY: template} | ({PADDING_KEY: padding} if padding else {})
    placement = placed(slices[0].orientation, [one.position for one in slices], spacing, "ZYX", pixels.shape)
    metadata |= {PLACEMENT_KEY: placement} if placement else {}
    named = axes or "ZYX"
    kept = {axis: size for axis, size in sizes.items() if axis in named}
    return Image(pixels, named, kept, format="dicom", metadata=metadata, no_data=no_data)


def refuse_no_volume(folder: Path, headers: Mapping[Path, Any]) -> None:
    """Raise unless the headers of some files of a folder, by these, are those of one volume.

    Raises
    ------
    UnreadableFileError
        As :func:`read_series`.
    """
    _volume(folder, [_slice(path, header) for path, header in headers.items()])


def _in_memory(place: Path, slices: list[_Slice]) -> tuple[Pixels, tuple[DicomFile, ...], NDArray[np.bool_] | None]:
    """Pixels, what else the files hold, and where nothing was measured."""
    announced = 8 * len(slices) * math.prod(slices[0].shape)  # as stored and rescaled, 4 bytes each at most
    check_announced(place, announced, announced, compressed=False)
    stored = [read_stored(one.path, one.header) for one in slices]
    files = tuple(
        source_file(one.path, one.header, own, (one.rescale,)) for one, own in zip(slices, stored, strict=True)
    )
    masks = [np.zeros(slices[0].shape, bool) if one.kept is None else one.kept for one in files]
    no_data = np.stack(masks) if any(one.kept is not None for one in files) else None
    return in_units(stored, [one.rescale for one in slices]), files, no_data


def _in_files(place: Path, slices: list[_Slice]) -> tuple[LazyPixels, Slices, LazyPixels]:
    """The same, read slice by slice when it is asked for."""
    check_memory(place, 8 * math.prod(slices[0].shape))
    files = Slices([StoredSlice(one.path, one.rescale, one.limits) for one in slices])
    shape = (len(slices), *slices[0].shape)
    no_data = LazyPixels(place, shape, np.dtype(bool), 2, files.not_measured)
    return LazyPixels(place, shape, files.dtype, 2, files.plane), files, no_data


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
    remains = remains_of(folder, found)
    if remains:
        raise UnreadableFileError(remains[0], "is named like a slice, but is no DICOM file", _DAMAGED_SLICE)
    return found


def remains_of(folder: Path, slices: Sequence[Path]) -> list[Path]:
    """Files that are named like the slices of a folder and are none.

    A slice whose copy failed has lost its beginning, and the first or the last of a volume is missed by nobody else.
    """
    suffixes = {path.suffix.lower() for path in slices}
    return [
        path
        for path in sorted(set(folder.iterdir()) - set(slices))
        if not _is_index(path)
        and path.suffix.lower() in suffixes
        and not path.is_dir()
        and (path.suffix or (path.is_file() and not path.stat().st_size))
    ]


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


def _volume(folder: Path, slices: Iterable[_Slice]) -> list[_Slice]:
    """The slices in their order, if they are those of one volume."""
    ordered = sorted(slices, key=lambda one: one.place)
    _refuse_mixture(folder, ordered)
    _refuse_gaps(folder, ordered)
    return ordered


def _slice(path: Path, header: Any, *, keep: bool = True) -> _Slice:
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
            position=position,
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
