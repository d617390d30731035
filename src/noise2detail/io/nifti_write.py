"""NIfTI files: like the one that an image came from where that fits, else a new header of as few words as possible."""

import gzip
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.lazy import converted, planes_of
from noise2detail.io.nifti_fresh import check_axes_fit, fresh_header, said_afresh, unknown_scale
from noise2detail.io.nifti_header import (
    FIELDS,
    MAGIC,
    NIFTI_KEY,
    PLAIN,
    NiftiTemplate,
    Order,
    layout,
    scaled,
)
from noise2detail.io.placement import placement_of
from noise2detail.io.wish import is_wished
from noise2detail.types import Pixels, PixelSource

log = logging.getLogger(__name__)

_HELD = {"bool": np.uint8, "float16": np.float32}
_COMMENT = 6
"""Code of an extension that is plain text."""
_LEVEL = 6
_TILTED = (
    "its slices are shifted against each other, {:.1f} degrees off their normal, as by a tilted gantry; the affine "
    "says so, but some programs do not look at that"
)


def said_by_nifti(image: Image) -> Image:
    """The image as its file will describe it: the format has no place for some things."""
    return image if nifti_template(image) is not None else said_afresh(image)


def nifti_pixels(target: Path, image: Image, pixels: PixelSource) -> PixelSource:
    """The pixels as they will be read again: rounded to what the original's integers can say, where it scales them.

    Raises
    ------
    UnwritableFileError
        No such axes, or colours of another type than uint8.
    """
    held = np.asarray(pixels) if target.suffix.lower() == ".gz" else pixels
    template = nifti_template(image)
    if template is None:
        check_axes_fit(target, image, held)
    held = converted(held, _HELD.get(str(held.dtype), held.dtype))
    colours = "S" in image.axes if template is None else template.colours
    if colours and held.dtype != np.uint8:
        raise UnwritableFileError(
            target, f"NIfTI knows colours of uint8 alone, not of {held.dtype}", "choose a name that ends in .tif"
        )
    if held.dtype.newbyteorder("=") not in PLAIN:
        raise UnwritableFileError(target, f"NIfTI cannot hold {held.dtype}", "choose a name that ends in .npy")
    if template is None or not _keeps_scale(template, image, held):
        return held
    return _representable(template, np.asarray(held))


def write_nifti(part: Path, target: Path, image: Image, pixels: PixelSource, note: str) -> None:
    """Write ``part``, which will be called ``target``; a name that ends in .gz is compressed.

    Parameters
    ----------
    part, target
        The file to write, and its name.
    image
        Gives axes, scale and the original header.
    pixels
        As :func:`nifti_pixels` returned them.
    note
        One line on what was done, which becomes a comment among the extensions; may be empty.
    """
    template = nifti_template(image)
    stored = converted(pixels, pixels.dtype.newbyteorder("="))
    if template is None:
        if unknown := unknown_scale(image):
            log.warning("%s: %s", target, unknown)
        if (placement := placement_of(image)) is not None and placement.tilt:
            log.warning("%s: %s", target, _TILTED.format(placement.tilt))
        kind, order, head = fresh_header(image, stored)
        after, alpha = bytes(4), None
    else:
        kind, order, after, alpha = template.kind, template.order, template.after, template.alpha
        head, stored = _like(template, target, image, stored)
        if template.paired:
            log.warning("%s: header and pixels, two files before, become one", target)
            after = after.ljust(4, b"\0") + bytes(-max(0, len(after) - 4) % 16)
    if note:
        after = _with_comment(after, note, order)
    if template is None or template.paired or after != template.after:
        numbers = np.frombuffer(head, layout(kind, order), 1)
        numbers["magic"], numbers["offset"] = MAGIC[kind], FIELDS[kind][0] + len(after)
    with _created(part, compressed=target.name.lower().endswith(".gz")) as stream:
        stream.write(bytes(head) + after)
        _write_pixels(stream, stored, alpha, order)


def nifti_template(image: Image) -> NiftiTemplate | None:
    """The original file of an image that still fits into such a one; None: it came from elsewhere, or was changed."""
    template = image.metadata.get(NIFTI_KEY)
    if not isinstance(template, NiftiTemplate):
        return None
    same = template.shape == tuple(image.array.shape) and template.axes == image.axes
    scale = template.pixel_size_um == dict(image.pixel_size_um) and template.time_increment == image.time_increment
    return template if same and scale and not image.channel_names else None


def _scales_integers(template: NiftiTemplate) -> bool:
    return template.stored.kind in "iu" and (template.slope, template.intercept) != (1.0, 0.0)


def _keeps_scale(template: NiftiTemplate, image: Image, pixels: PixelSource) -> bool:
    """Whether values become integers again, as the original's slope and intercept say."""
    same = _scales_integers(template) and pixels.dtype == template.dtype and not is_wished(image.metadata)
    return bool(same and np.isfinite(np.asarray(pixels)).all())


def _representable(template: NiftiTemplate, pixels: Pixels) -> Pixels:
    values = scaled(_integers(template, pixels), template.slope, template.intercept)
    # Where the steps of the integers are about as fine as those of the floats, the nearest integer may move once more.
    return scaled(_integers(template, values), template.slope, template.intercept)


def _integers(template: NiftiTemplate, values: Pixels) -> Pixels:
    """Stored numbers nearest to some values, half to even."""
    limits = np.iinfo(template.stored)
    highest = float(limits.max)
    if int(highest) > limits.max:
        highest = float(np.nextafter(highest, 0))
    result = np.empty(values.shape, template.stored)
    with np.errstate(over="ignore"):
        for plane in np.ndindex(*values.shape[:-2]):
            exact = (values[plane].astype(np.float64) - template.intercept) / template.slope
            result[plane] = np.clip(np.rint(exact), limits.min, highest)
    return result


def _like(template: NiftiTemplate, target: Path, image: Image, pixels: PixelSource) -> tuple[bytearray, PixelSource]:
    """The original header with the type that is stored now, and the stored pixels."""
    head = bytearray(template.header)
    if _keeps_scale(template, image, pixels):
        _tell_clipped(template, target, np.asarray(image.array))
        return head, _integers(template, np.asarray(pixels))
    if _scales_integers(template) and not is_wished(image.metadata):
        log.warning("%s: the original's scaled %s cannot hold this; it is %s", target, template.stored, pixels.dtype)
    numbers = np.frombuffer(head, layout(template.kind, template.order), 1)
    if pixels.dtype != template.stored:
        numbers["type"], numbers["bits"] = PLAIN[pixels.dtype], 8 * pixels.dtype.itemsize
    if (template.slope, template.intercept) != (1.0, 0.0):
        numbers["slope"], numbers["intercept"] = 1.0, 0.0
    return head, pixels


def _tell_clipped(template: NiftiTemplate, target: Path, values: Pixels) -> None:
    limits, half = np.iinfo(template.stored), abs(template.slope) / 2
    ends = sorted(template.slope * end + template.intercept for end in (float(limits.min), float(limits.max)))
    count = int(np.count_nonzero(values < ends[0] - half)) + int(np.count_nonzero(values > ends[1] + half))
    if count:
        share = f"{count / values.size:.2%} of the pixels"
        log.warning("%s: %s do not fit into the original's scaled %s; clipped", target, share, template.stored)


def _with_comment(after: bytes, note: str, order: Order) -> bytes:
    """The extensions and one more; as they were where they do not follow the standard."""
    text = note.encode()
    size = 8 + len(text) + -(8 + len(text)) % 16
    comment = np.array([size, _COMMENT], order + "i4").tobytes() + text.ljust(size - 8, b"\0")
    if len(after) >= 4 and not any(after):
        return b"\1\0\0\0" + comment
    return after + comment if _whole(after, order) else after


def _whole(after: bytes, order: Order) -> bool:
    """Whether extensions follow each other up to the pixels."""
    at = 4
    while len(after) >= at + 8:
        size = int(np.frombuffer(after, order + "i4", 1, at)[0])
        if size < 8 or size % 16:
            return False
        at += size
    return at == len(after) and at > 4 and after[0] != 0


def _write_pixels(stream: IO[bytes], stored: PixelSource, alpha: Pixels | None, order: Order) -> None:
    kind = stored.dtype.newbyteorder(order)
    if alpha is not None:
        stored = np.concatenate([np.asarray(stored), alpha], axis=-1)
    for piece in planes_of(stored, 2):
        stream.write(np.ascontiguousarray(piece, kind).data)


@contextmanager
def _created(part: Path, *, compressed: bool) -> Iterator[Any]:
    with part.open("wb") as file:
        if not compressed:
            yield file
            return
        # Without name and time, the same image always gives the same bytes.
        with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as stream:
            yield stream
