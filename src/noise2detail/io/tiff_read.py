"""TIFF, OME-TIFF and ImageJ hyperstacks, read whole or refused."""

import json
import logging
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from noise2detail.errors import Noise2DetailError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.io import imagej, ome_xml
from noise2detail.io.announced import check_held, check_memory
from noise2detail.io.template import TIFF_KEY, TiffKind, TiffTemplate
from noise2detail.io.tiff_axes import name_axes
from noise2detail.io.tiff_check import check_segments, refuse_doctype, refuse_other_folders
from noise2detail.io.tiff_directory import POINTERS, Directories, Directory, read_directories
from noise2detail.io.tiff_pages import all_series, lazy_series
from noise2detail.types import Pixels, PixelSource

log = logging.getLogger(__name__)

_DAMAGED = "it is truncated or damaged: copy or export it again"
_MANY, _TOO_MANY = 10**5, 1000
"""Planes that may be promised in any case, and how many for each page: the others may lie in other files."""
_SERIOUS = re.compile(
    r"corrupt|missing|out of range|failed to|not match|invalid page|discontiguous|OME series expected"
)
_LACKING = re.compile(r"failed to read '([^']+)', raised FileNotFoundError")
_ASIDE = re.compile(r"thumbnail|label|macro|overview", re.IGNORECASE)
_KINDS: Mapping[str, TiffKind] = {
    "ome": "ome",
    "imagej": "imagej",
    "shaped": "shaped",
    "uniform": "plain",
    "generic": "plain",
}
_PALETTE = 3
_FORMATS = {"ome": "ome-tiff", "imagej": "imagej-tiff"}


def read_tiff(path: Path, axes: str | None = None) -> Image:
    """The one image of a TIFF, its pixels in memory.

    Parameters
    ----------
    path
        The file.
    axes
        Overrides what the file says.

    Raises
    ------
    AxesError
        ``axes`` does not fit the image.
    UnreadableFileError
        Damaged, truncated, or not exactly one image.
    """
    directories = read_directories(path)
    with _reading(path) as complaints, tifffile.TiffFile(path) as tif:
        return _read(path, tif, directories, axes, complaints)


def _read(path: Path, tif: Any, directories: Directories, axes: str | None, complaints: list[str]) -> Image:
    refuse_doctype(path, directories)
    facts = _ome_facts(path, tif)
    series, dropped = _one_series(path, tif)
    _refuse_complaints(path, complaints)
    _check_whole(path, tif, series, facts)
    compressed = int(series.keyframe.compression) != 1
    announced = math.prod(series.shape) * np.dtype(series.dtype).itemsize
    held = sum(file.stat().st_size for file in {Path(page.parent.filehandle.path) for page in series.pages if page})
    check_held(path, announced, held, compressed=compressed)
    check_segments(path, series)
    pixels, letters, alpha = _pixels(path, tif, series, complaints)
    named = name_axes(path, letters, pixels.shape, axes)
    kind = _KINDS.get(series.kind)
    sizes, increment, names = _scale(series, directories, facts, named, pixels.shape)
    image = Image(pixels, named, sizes, increment, names, _FORMATS.get(kind or "", "tiff"))
    if kind is None or series.keyframe.is_volumetric:
        log.warning("%s: metadata of a TIFF of kind %s are not read, only its pixels", path, series.kind)
        return image
    said = named if axes is None else _said(path, letters, pixels.shape)
    template = _template(image, series, directories, kind, said, alpha, dropped)
    return replace(image, metadata={TIFF_KEY: template})


def _pixels(path: Path, tif: Any, series: Any, complaints: list[str]) -> tuple[PixelSource, str, Pixels | None]:
    """Pixels and their axes, and transparency that was set aside; those of a large file stay there."""

    def guarded(read: Callable[[], Pixels]) -> Pixels:
        with _reading(path) as heard:
            found = read()
            _refuse_complaints(path, heard)
        return found

    letters = str(series.axes)
    lazy = lazy_series(path, tif, series, guarded)
    if lazy is not None:
        return lazy, letters, None
    check_memory(path, int(series.nbytes))
    pixels = np.asarray(series.asarray())
    _refuse_complaints(path, complaints)
    return _without_alpha(pixels.astype(pixels.dtype.newbyteorder("="), copy=False), letters, series.keyframe)


@contextmanager
def _reading(path: Path) -> Iterator[list[str]]:
    """What the library complains of meanwhile; whatever it raises becomes an error with the file's name."""
    try:
        with _complaints() as heard:
            yield heard
    except (Noise2DetailError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableFileError(path, f"not a TIFF that can be read ({error})", _DAMAGED) from error


def _ome_facts(path: Path, tif: Any) -> ome_xml.OmeFacts | None:
    if not tif.is_ome:
        return None
    try:
        facts = ome_xml.read_facts(str(tif.ome_metadata).encode())
    except ValueError as error:
        raise UnreadableFileError(path, str(error), _DAMAGED) from error
    refuse_other_folders(path, facts.other_files)
    _refuse_lists(path, tif, facts)
    if facts.companion is not None:
        raise UnreadableFileError(
            path,
            f"one part of an OME-TIFF set whose metadata lie in {facts.companion}",
            "convert the set to a single OME-TIFF first, for example with bfconvert",
        )
    return facts


def _refuse_lists(path: Path, tif: Any, facts: ome_xml.OmeFacts) -> None:
    """Raise where the library would make a list of planes that fills the memory, or count them for hours."""
    promised = max(facts.most_planes, facts.most_pixels // max(1, int(tif.pages[0].size)))
    if promised > max(_MANY, _TOO_MANY * len(tif.pages)):
        found = f"its OME-XML promises {promised} planes, and it has {len(tif.pages)} pages"
        raise UnreadableFileError(path, found, _DAMAGED)


def _one_series(path: Path, tif: Any) -> tuple[Any, tuple[str, ...]]:
    found = all_series(tif)
    if not found:
        raise UnreadableFileError(path, "no image found in it", _DAMAGED)
    main = [one for one in found if not (one.keyframe.is_reduced or _ASIDE.search(str(one.name)))]
    main = main or [found[0]]
    _refuse_palette(path, tif, main[0])
    if main[0].dtype is None:
        raise UnreadableFileError(path, "its pixel type is unknown", "export it as 8- or 16-bit integer or float")
    if len(main) > 1:
        shapes = ", ".join(f"{one.axes} {tuple(one.shape)}" for one in main[:6]) + (", ..." if len(main) > 6 else "")
        raise UnreadableFileError(
            path,
            f"holds {len(main)} images ({shapes}); expected one",
            "export each as a file of its own",
        )
    dropped = [f"{len(found) - 1} thumbnail or label images"] if len(found) > 1 else []
    if len(main[0].levels) > 1:
        dropped.append(f"{len(main[0].levels) - 1} reduced pyramid levels")
    if main[0] is not found[0] and tif.is_ome:
        raise UnreadableFileError(path, "its first image is a thumbnail or label", "export the main image as a file")
    return main[0], tuple(dropped)


def _refuse_palette(path: Path, tif: Any, series: Any) -> None:
    page = series.keyframe
    if tif.is_imagej or int(page.photometric) != _PALETTE or page.colormap is None:
        return  # ImageJ's palette is a lookup table for display
    brightness = np.diff(np.asarray(page.colormap, np.int64).sum(axis=0))
    if not ((brightness >= 0).all() or (brightness <= 0).all()):
        raise UnreadableFileError(
            path,
            "a TIFF with a palette: its pixels are colour numbers, not intensities",
            "convert it to greyscale or RGB first, or export the original again without a palette",
        )


def _check_whole(path: Path, tif: Any, series: Any, facts: ome_xml.OmeFacts | None) -> None:
    planes = math.prod(n for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "YX")
    promised = 0
    if facts is not None:
        if series.kind != "ome":
            raise UnreadableFileError(path, "its pages do not fit its OME-XML", _DAMAGED)
        promised = math.prod(facts.sizes.get(axis, 1) for axis in "ZCT")
        missing = sum(page is None for page in series.pages)
        if missing:
            raise UnreadableFileError(
                path,
                f"found {len(series.pages) - missing} of {len(series.pages)} planes that its OME-XML promises",
                "copy the file again, or bring the other files of the set into its folder",
            )
    elif tif.is_imagej:
        if series.kind != "imagej":
            raise UnreadableFileError(path, "its pages do not fit its ImageJ description", _DAMAGED)
        promised = imagej.planes_promised(imagej.description_lines(str(tif.pages[0].description)))
    elif tif.is_shaped:
        shape = _shaped(str(tif.pages[0].shaped_description)).get("shape", [])
        height_width = int(np.prod(series.shape, dtype=object)) // planes
        promised = -(-int(np.prod(shape, dtype=object)) // height_width)
    if planes < promised:
        raise UnreadableFileError(path, f"found {planes} of the {promised} planes that it promises", _DAMAGED)


def _without_alpha(pixels: Pixels, letters: str, page: Any) -> tuple[Pixels, str, Pixels | None]:
    extra = tuple(int(code) for code in page.extrasamples)
    if "S" not in letters or not extra or any(code not in {1, 2} for code in extra):
        return pixels, letters, None
    axis = letters.index("S")
    colours = pixels.shape[axis] - len(extra)
    kept, alpha = np.split(pixels, [colours], axis=axis)
    if colours == 1:
        return np.ascontiguousarray(kept.squeeze(axis)), letters.replace("S", ""), alpha.copy()
    return np.ascontiguousarray(kept), letters, alpha.copy()


def _said(path: Path, letters: str, shape: tuple[int, ...]) -> str:
    try:
        return name_axes(path, letters, shape, None)
    except UnreadableFileError:
        return letters


def _template(
    image: Image,
    series: Any,
    directories: Directories,
    kind: TiffKind,
    axes: str,
    alpha: Pixels | None,
    dropped: tuple[str, ...],
) -> TiffTemplate:
    page = series.keyframe
    pages = tuple(_pages(series, directories))
    if any(tag.code in POINTERS - {330} for directory in pages for tag in directory.tags):
        dropped = (*dropped, "Exif or GPS entries")
    return TiffTemplate(
        kind=kind,
        axes=axes,
        shape=tuple(image.array.shape),
        pixel_size_um=image.pixel_size_um,
        time_increment=image.time_increment,
        channel_names=image.channel_names,
        byteorder=directories.byteorder,
        big=directories.big,
        photometric=int(page.photometric),
        planarconfig=int(page.planarconfig) if page.samplesperpixel > 1 else None,
        extrasamples=tuple(int(code) for code in page.extrasamples),
        compression=int(page.compression),
        predictor=int(page.predictor),
        tile=(page.tilelength, page.tilewidth) if page.is_tiled else (),
        rowsperstrip=None if page.is_tiled else int(page.rowsperstrip),
        pages=pages,
        alpha=alpha,
        dropped=dropped,
    )


def _pages(series: Any, directories: Directories) -> Iterator[Directory]:
    chains: dict[str, dict[int, Directory]] = {}
    for page in series.pages:
        file = str(page.parent.filehandle.path)
        if file not in chains:
            own = file == str(series.keyframe.parent.filehandle.path)
            chain = directories if own else read_directories(Path(file))
            chains[file] = {directory.offset: directory for directory in chain.pages}
        # A page of ImageJ that has pixels but no directory of its own is like the first.
        yield chains[file].get(page.offset, directories.pages[0])


def _scale(
    series: Any, directories: Directories, facts: ome_xml.OmeFacts | None, axes: str, shape: tuple[int, ...]
) -> tuple[dict[str, float], float | None, tuple[str, ...]]:
    """Pixel size, time increment and channel names; lengths that are none, such as 0, are not known."""
    sizes, increment, names = _scale_said(series, directories, facts, axes, shape)
    lengths = {axis: size for axis, size in sizes.items() if 0 < size < math.inf}
    return lengths, increment if increment is not None and 0 < increment < math.inf else None, names


def _scale_said(
    series: Any, directories: Directories, facts: ome_xml.OmeFacts | None, axes: str, shape: tuple[int, ...]
) -> tuple[dict[str, float], float | None, tuple[str, ...]]:
    first = directories.pages[0]
    channels = dict(zip(axes, shape, strict=True)).get("C", 0)
    if facts is not None:
        sizes = {axis: size for axis, size in facts.pixel_size_um.items() if axis in axes}
        names = facts.channel_names if len(facts.channel_names) == channels else ()
        return sizes, facts.time_increment, names
    if series.kind == "imagej":
        lines = imagej.description_lines(str(series.keyframe.description))
        sizes = imagej.pixel_size(lines, first, directories.byteorder, axes)
        labels = imagej.read_labels(first, directories.byteorder)
        return sizes, imagej.time_increment(lines), imagej.channel_names(labels, axes, shape)
    if series.kind == "shaped":
        said = _shaped(str(series.keyframe.shaped_description))
        sizes = {axis: float(size) for axis, size in said.get("pixel_size_um", {}).items() if axis in axes}
        names = tuple(map(str, said.get("channel_names", ())))
        return sizes, said.get("time_increment"), names if len(names) == channels else ()
    return {}, None, ()


def _shaped(description: str) -> dict[str, Any]:
    try:
        said = json.loads(description)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _refuse_complaints(path: Path, complaints: list[str]) -> None:
    serious = [text for text in complaints if _SERIOUS.search(text)]
    lacking = [found[1] for text in serious if (found := _LACKING.search(text))]
    if lacking:
        raise UnreadableFileError(
            path, f"other files of its set are missing: {', '.join(lacking)}", "bring all of them into its folder"
        )
    if serious:
        raise UnreadableFileError(path, f"it contradicts itself ({serious[0]})", _DAMAGED)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    # tifffile logs what it mends or leaves out, and goes on.
    heard: list[str] = []
    here = threading.get_ident()

    def listen(record: logging.LogRecord) -> bool:
        mine = record.thread == here and record.levelno >= logging.WARNING
        if mine:
            heard.append(record.getMessage())
        return not mine

    logger = logging.getLogger("tifffile")
    logger.addFilter(listen)
    try:
        yield heard
    finally:
        logger.removeFilter(listen)
