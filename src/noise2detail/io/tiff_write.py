"""TIFF of the same kind as the one that was read: its own tags around new pixels."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import imagej, ome_xml
from noise2detail.io.lazy import nbytes, planes_of
from noise2detail.io.template import TiffTemplate
from noise2detail.io.tiff_directory import DESCRIPTION, POINTERS, Directory, Tag
from noise2detail.io.tiff_stream import as_pages
from noise2detail.types import PixelSource
from noise2detail.version import __version__

log = logging.getLogger(__name__)

SUBFILE, SOFTWARE, COLORMAP = 254, 305, 320
CLASSIC_LIMIT = 2**32 - 2**25
"""Bytes of pixels that a TIFF with 32-bit offsets can hold, less room for its tags."""

_SETTINGS = frozenset({SUBFILE, DESCRIPTION, 282, 283, 296, SOFTWARE}) | POINTERS
_LOSSLESS = frozenset({1, 5, 8, 32773, 32946, 34925, 50000})
_DEFLATE = 8
_JPEGS = frozenset({6, 7, 34892, 33007})
_MINISBLACK, _RGB, _PALETTE, _YCBCR = 1, 2, 3, 6
_WITH_PREDICTOR = frozenset({5, 8, 32946, 34925, 50000})


def write_like(path: Path, image: Image, pixels: PixelSource, template: TiffTemplate, note: str) -> None:
    """Write ``pixels`` with the tags, compression, byte order and layout of ``template``.

    Parameters
    ----------
    path
        The file to write.
    image
        Gives axes and scale.
    pixels
        Those of the image, in the type to be written.
    template
        Of the file that the image came from; same shape and axes.
    note
        One line on what was done; may be empty.
    """
    stored, axes = _with_alpha(pixels, image.axes, template)
    pages = _pages(image, template, stored, axes, note)
    samples = _sample_axes(template, axes)
    big = template.big or nbytes(stored) > CLASSIC_LIMIT
    if big and template.kind == "imagej" and not template.big:
        raise UnwritableFileError(
            path, "an ImageJ TIFF cannot hold more than 4 GB", "choose a name that ends in .ome.tif"
        )
    for lost in template.dropped:
        log.warning("%s: not written: %s", path, lost)
    with tifffile.TiffWriter(path, byteorder=template.byteorder, bigtiff=big, ome=False, shaped=False) as writer:
        settings = _layout(template, stored.dtype)
        if _alike(pages) or template.kind == "imagej":
            # ImageJ reads a stack as one run of bytes after the first directory, so it must be written in one go.
            data = as_pages(stored, 2 + samples, template.byteorder, template.tile)
            writer.write(**data, **settings, **_page_settings(pages[0], pages[-1], template))
        else:
            for plane, page in zip(planes_of(stored, 2 + samples), pages, strict=True):
                writer.write(plane, **settings, **_page_settings(page, page, template))


def _with_alpha(source: PixelSource, axes: str, template: TiffTemplate) -> tuple[PixelSource, str]:
    alpha = template.alpha
    if alpha is None:
        return source, axes
    pixels = np.asarray(source)
    if "S" in axes:
        return np.concatenate((pixels, alpha.astype(pixels.dtype, copy=False)), axis=axes.index("S")), axes
    if template.planarconfig == 2:
        axes = axes.replace("YX", "SYX")
        return np.concatenate((np.expand_dims(pixels, -3), alpha.astype(pixels.dtype, copy=False)), axis=-3), axes
    return np.concatenate((pixels[..., None], alpha.astype(pixels.dtype, copy=False)), axis=-1), axes + "S"


def _sample_axes(template: TiffTemplate, axes: str) -> int:
    return 1 if template.planarconfig is not None and "S" in axes else 0


def _pages(
    image: Image, template: TiffTemplate, stored: PixelSource, axes: str, note: str
) -> tuple[tuple[Directory, bytes], ...]:
    pages = [(page, _text(page)) for page in template.pages]
    first, text = pages[0]
    if template.kind == "ome":
        text = ome_xml.patch(
            text,
            axes=axes,
            shape=stored.shape,
            dtype=str(stored.dtype),
            note=note,
            pixel_size_um=image.pixel_size_um,
            time_increment=image.time_increment,
        )
    elif template.kind == "imagej":
        first = replace(first, tags=imagej.with_info(first, template.byteorder, note)) if note else first
        text = imagej.with_dimensions(text, axes, stored.shape) if image.axes != template.axes else text
    elif template.kind == "shaped" and image.axes != template.axes:
        text = _with_axes(text, axes)
    if note and template.kind in {"plain", "shaped"}:
        text = _noted(text, note)
    pages[0] = (first, text)
    return tuple(pages)


def _text(page: Directory) -> bytes:
    tag = page.find(DESCRIPTION)
    return tag.data.rstrip(b"\0") if tag is not None else b""


def _with_axes(text: bytes, axes: str) -> bytes:
    return json.dumps({**json.loads(text), "axes": axes}).encode()


def _noted(text: bytes, note: str) -> bytes:
    line = note.encode("ascii", "replace")
    if not text.strip():
        return line
    if text.startswith(b'{"shape"'):
        said = json.loads(text)
        return json.dumps({**said, "description": f"{said.get('description', '')}\n{note}".strip()}).encode()
    # Text in a language that a program parses would no longer parse with a line behind it.
    return text if text.lstrip()[:1] in {b"<", b"{", b"["} else text.rstrip() + b"\n" + line


def _layout(template: TiffTemplate, dtype: np.dtype[Any]) -> dict[str, Any]:
    compression = template.compression if template.compression in _LOSSLESS else _DEFLATE
    if compression != template.compression:
        name = tifffile.COMPRESSION(template.compression).name
        log.warning("compression %s would change pixels or cannot be written; deflate is used instead", name)
    photometric = template.photometric
    if photometric == _YCBCR and template.compression in _JPEGS:
        photometric = _RGB  # decoding made RGB of it
    if photometric == _PALETTE and dtype.kind != "u":
        photometric = _MINISBLACK  # a lookup table is indexed by whole numbers
    layout: dict[str, Any] = {
        "photometric": photometric,
        "planarconfig": template.planarconfig,
        "compression": compression,
        "tile": template.tile or None,
        "rowsperstrip": template.rowsperstrip,
        "metadata": None,
    }
    if template.extrasamples:
        layout["extrasamples"] = template.extrasamples
    if compression in _WITH_PREDICTOR and template.predictor != 1:
        layout["predictor"] = True  # the one that fits the pixel type, which may have changed
    if dtype == np.bool_:
        layout["rowsperstrip"] = None
    return layout


def _page_settings(
    page: tuple[Directory, bytes], last: tuple[Directory, bytes], template: TiffTemplate
) -> dict[str, Any]:
    directory, text = page
    software, subfile = directory.find(SOFTWARE), directory.find(SUBFILE)
    everywhere = {tag.code for tag in last[0].tags}
    settings: dict[str, Any] = {
        "description": text if text or directory.find(DESCRIPTION) is not None else None,
        "software": software.data.rstrip(b"\0") if software is not None else f"noise2detail {__version__}",
        "extratags": _extra(directory.tags, everywhere),
    }
    if subfile is not None and len(subfile.data) == 4:
        settings["subfiletype"] = int.from_bytes(subfile.data, "little" if template.byteorder == "<" else "big")
    across, along = (imagej.resolution(directory.find(code), template.byteorder) for code in (282, 283))
    if across and along:
        unit = directory.find(296)
        settings["resolution"] = (across, along)
        settings["resolutionunit"] = _short(unit, template.byteorder, 2)
    return settings


def _extra(tags: Sequence[Tag], everywhere: set[int]) -> list[tuple[int, int, int, bytes, bool]]:
    seen: set[int] = set()
    extra = []
    for tag in tags:
        if tag.code not in _SETTINGS and tag.code not in seen and tag.count:
            seen.add(tag.code)
            extra.append((tag.code, tag.type, tag.count, tag.data, tag.code not in everywhere))
    return extra


def _short(tag: Tag | None, byteorder: str, default: int) -> int:
    if tag is None or len(tag.data) < 2:
        return default
    return int.from_bytes(tag.data[:2], "little" if byteorder == "<" else "big")


def _alike(pages: Sequence[tuple[Directory, bytes]]) -> bool:
    # Descriptions and software are written to the first page only, as are tags that the later pages lack.
    if len(pages) == 1:
        return True
    later = [_values(directory) for directory, _ in pages[1:]]
    first = _values(pages[0][0])
    texts = {text for _, text in pages[1:]}
    same = all(one == later[0] for one in later) and texts <= {b""}
    return same and all(first.get(code) == value for code, value in later[0].items())


def _values(directory: Directory) -> Mapping[int, bytes]:
    return {tag.code: tag.data for tag in directory.tags if tag.code != DESCRIPTION}
