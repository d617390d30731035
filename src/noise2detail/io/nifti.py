"""NIfTI-1, NIfTI-2 and Analyze 7.5, as one file or a pair, also inside gzip: reading.

A header is a few numbers at fixed places. They are read here rather than by a library, so that each is checked before
anything is allocated, and nothing that names a patient is ever looked at.
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from noise2detail.errors import Noise2DetailError, PixelTypeError, UnreadableFileError
from noise2detail.image import Image, check_axes
from noise2detail.io.announced import check_announced, check_held, readable
from noise2detail.io.describe import FACTS_KEY
from noise2detail.io.lazy import LazyPixels, file_planes, stays_in_file
from noise2detail.io.nifti_header import (
    FIELDS,
    LONGEST,
    NIFTI_KEY,
    RGBA,
    SAMPLES,
    SINGLE,
    TYPES,
    Kind,
    NiftiTemplate,
    Order,
    layout,
    scaled,
    scaled_type,
)
from noise2detail.types import Pixels, PixelSource

GZIP = b"\x1f\x8b"
"""First bytes of every gzip file."""

_DAMAGED = "it is truncated or damaged: copy or export it again"
_COMPLEX = frozenset({32, 1792, 2048})
_UNUSUAL = {0: "of unknown type", 1: "of 1 bit", 1536: "of 128 bits"}
_MICROMETRES = {1: 1e6, 2: 1e3, 3: 1.0}
_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
_CIFTI = range(3000, 3100)
_BEYOND = 2**28
_ENDLESS = 2**26
"""Bytes after a header in a file of its own that no sane file has."""


@dataclass(frozen=True)
class _Header:
    kind: Kind
    order: Order
    paired: bool
    numbers: Any
    """Fields by name."""
    content: bytes
    """All of them as they are stored."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of x, y, z, t and further dimensions."""
        return tuple(int(length) for length in self.numbers["dim"][1 : 1 + int(self.numbers["dim"][0])])

    @property
    def kept(self) -> list[tuple[int, int]]:
        """Number and length of the dimensions that become axes: those longer than 1."""
        return [(index, length) for index, length in enumerate(self.lengths) if index < 2 or length > 1]

    @property
    def offset(self) -> int:
        """Byte of the file of pixels at which they begin."""
        said = float(self.numbers["offset"])
        start = int(said) if math.isfinite(said) else 0
        return max(start, 0) if self.paired else start or (SINGLE if self.kind == "NIfTI-1" else LONGEST)


def is_nifti(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a NIfTI or Analyze header, inside gzip or not."""
    return _kind(unpacked(head)) is not None


def unpacked(head: bytes) -> bytes:
    """The first bytes of what a gzip file holds; those of any other file as they are."""
    if not head.startswith(GZIP):
        return head
    try:
        return zlib.decompressobj(31).decompress(head, LONGEST)
    except zlib.error:
        return b""


def header_beside(path: Path) -> Path | None:
    """The header of a file named ``.img`` or ``.img.gz``, which holds pixels alone; None where there is none."""
    name = path.name[:-3] if path.suffix.lower() == ".gz" else path.name
    if Path(name).suffix.lower() != ".img":
        return None
    tried = (path.with_name(name[:-4] + suffix) for suffix in (".hdr", ".HDR", ".hdr.gz"))
    return next((one for one in tried if one.is_file()), None)


def read_nifti(path: Path, axes: str | None = None) -> Image:
    """The image of a NIfTI or Analyze file, its values scaled as the header says.

    Axes are those of ``TZYX`` that are longer than 1, and ``S`` for colours. x, which is stored fastest, is the last
    axis. Values are stored ones where slope is 1 and intercept 0, else float32 (float64 where that is stored, or
    integers of more than 16 bits). A
    header that names no unit of length means millimetres, as every other reader takes it.

    Parameters
    ----------
    path
        ``.nii``, ``.nii.gz``, or ``.hdr`` with its ``.img`` beside it.
    axes
        Overrides the meaning of the dimensions that are longer than 1.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    PixelTypeError
        Complex numbers.
    UnreadableFileError
        Damaged, truncated, without its other half, or no image.
    """
    try:
        header = _header(path)
        pixels_path = _pixels_path(path) if header.paired else path
        stored = _stored(path, pixels_path, header)
        after = b"" if header.kind == "Analyze" else _after(path, header)
    except (Noise2DetailError, MemoryError):
        raise
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableFileError(path, f"not a whole NIfTI file ({error})", _DAMAGED) from error
    return _image(path, header, stored, after, axes)


def _image(path: Path, header: _Header, flat: Pixels | LazyPixels, after: bytes, axes: str | None) -> Image:
    kept = header.kept
    pixels, alpha = _shaped(path, header, flat)
    colour = "S" if int(header.numbers["type"]) in SAMPLES else ""
    own_axes = "".join("XYZT"[index] for index, _ in reversed(kept)) + colour if kept[-1][0] < 4 else ""
    if not (axes or own_axes):
        raise UnreadableFileError(
            path,
            f"holds {len(kept)} dimensions: {' x '.join(map(str, header.lengths))}; expected x, y, z and t at most",
            "say with axes what each dimension longer than 1 is, for example TCZYX, the last one stored fastest",
        )
    named = axes or own_axes
    check_axes(named, pixels.shape)
    sizes, increment, assumed = _scale(header)
    facts = [("stored as", f"{header.kind}, {_stored_type(header)}{_scaling(header)}")]
    facts += [("unit of length", "not said; taken as mm")] if assumed and sizes else []
    facts += [("not carried over", "position, orientation and other fields")] if header.kind == "Analyze" else []
    image = Image(
        pixels,
        named,
        {axis: size for axis, size in sizes.items() if axis in named},
        increment if "T" in named else None,
        format="nifti",
        metadata={FACTS_KEY: tuple(facts)},
    )
    template = _template(header, image, after, flat.dtype, own_axes, alpha)
    return image if template is None else replace(image, metadata={**image.metadata, NIFTI_KEY: template})


def _shaped(path: Path, header: _Header, flat: Pixels | LazyPixels) -> tuple[PixelSource, Pixels | None]:
    """Pixels in their shape and scale, and transparency that is set aside."""
    if isinstance(flat, LazyPixels):
        return flat, None
    stored = flat.reshape([length for _, length in reversed(header.kept)] + list(flat.shape[1:]))
    if header.numbers["type"] != RGBA:
        return _scaled(path, header, stored), None
    alpha = np.ascontiguousarray(stored[..., 3:])
    return _scaled(path, header, np.ascontiguousarray(stored[..., :3])), alpha


def _template(
    header: _Header, image: Image, after: bytes, stored: np.dtype[Any], own_axes: str, alpha: Pixels | None
) -> NiftiTemplate | None:
    if header.kind == "Analyze":
        return None
    slope, intercept = _slope_intercept(header)
    return NiftiTemplate(
        kind=header.kind,
        order=header.order,
        paired=header.paired,
        header=header.content,
        after=after,
        colours=int(header.numbers["type"]) in SAMPLES,
        stored=stored,
        slope=slope,
        intercept=intercept,
        dtype=image.array.dtype,
        shape=tuple(image.array.shape),
        axes=image.axes,
        own_axes=own_axes,
        pixel_size_um=dict(image.pixel_size_um),
        time_increment=image.time_increment,
        alpha=alpha,
    )


def _kind(head: bytes) -> tuple[Kind, Order, bool] | None:
    """Which header it is, its byte order, and whether its pixels lie in another file."""
    if len(head) < 12:
        return None
    orders: tuple[Order, Order] = ("<", ">")
    for order in orders:
        length = int(np.frombuffer(head, f"{order}i4", 1)[0])
        if length == 540 and head[4:7] in {b"n+2", b"ni2"}:
            return "NIfTI-2", order, head[4:7] == b"ni2"
        if length == 348 and head[344:347] in {b"n+1", b"ni1"}:
            return "NIfTI-1", order, head[344:347] == b"ni1"
        if length == 348 and len(head) >= 348 and 1 <= int(np.frombuffer(head, f"{order}i2", 1, 40)[0]) <= 7:
            return "Analyze", order, True
    return None


def _header(path: Path) -> _Header:
    with _opened(path) as stream:
        head = stream.read(LONGEST)
    found = _kind(head)
    if found is None or len(head) < FIELDS[found[0]][0]:
        raise UnreadableFileError(path, "not a whole NIfTI file: its header is cut off", _DAMAGED)
    kind, order, paired = found
    length = FIELDS[kind][0]
    header = _Header(kind, order, paired, np.frombuffer(head, layout(kind, order), 1)[0], head[:length])
    _check_header(path, header)
    return header


def _check_header(path: Path, header: _Header) -> None:
    lengths, code = header.lengths, int(header.numbers["type"])
    if header.kind != "Analyze" and int(header.numbers["intent"]) in _CIFTI:
        raise UnreadableFileError(
            path, "a CIFTI file: values of surfaces and tables, not an image", "expected a volume"
        )
    if not 2 <= len(lengths) <= 7 or min(lengths) < 1:
        raise UnreadableFileError(path, f"its header names the dimensions {lengths}; expected 2 to 7", _DAMAGED)
    if code in _COMPLEX:
        raise PixelTypeError(
            f"{path}: holds complex numbers; denoise the magnitude, or both parts, as files of their own"
        )
    if code not in TYPES:
        raise UnreadableFileError(
            path,
            f"holds pixels {_UNUSUAL.get(code, f'of type code {code}')}",
            "convert them to integers of 8 to 64 bits or floats of 32 or 64",
        )
    if header.offset < (0 if header.paired else FIELDS[header.kind][0]):
        raise UnreadableFileError(path, f"its pixels begin at byte {header.offset}, inside the header", _DAMAGED)
    slope, intercept = _slope_intercept(header)
    if not math.isfinite(intercept):
        raise UnreadableFileError(path, f"scales its values with slope {slope:g} and intercept {intercept:g}", _DAMAGED)


def _pixels_path(path: Path) -> Path:
    """The file with the pixels that belong to a header."""
    compressed = ".gz" if path.suffix.lower() == ".gz" else ""
    stem = path.name.removesuffix(path.suffix) if compressed else path.name
    names = [Path(stem).with_suffix(suffix).name for suffix in (".img", ".IMG")]
    tried = [path.with_name(name + ending) for ending in dict.fromkeys((compressed, "", ".gz")) for name in names]
    found = next((one for one in tried if one.is_file()), None)
    if found is None:
        raise UnreadableFileError(
            path, f"a header without its pixels: {tried[0].name} is not beside it", "copy both files into one folder"
        )
    return found


def _after(path: Path, header: _Header) -> bytes:
    """What follows the header: up to the pixels, or to the end of a file of its own."""
    start = FIELDS[header.kind][0]
    with _opened(path) as stream:
        compressed = isinstance(stream, gzip.GzipFile)
        wanted = _ENDLESS if header.paired else header.offset - start
        if not header.paired:
            check_announced(path, header.offset, path.stat().st_size, compressed=compressed)
        stream.seek(start)
        found: bytes = stream.read(wanted)
    if header.paired and len(found) == _ENDLESS:
        raise UnreadableFileError(path, "its header does not end", "expected a header and extensions of a few bytes")
    return found


def _stored(path: Path, source: Path, header: _Header) -> Pixels | LazyPixels:
    """Pixels in native byte order, flat, with a last axis of colours where there are any; or left where they are."""
    dtype = np.dtype(header.order + TYPES[int(header.numbers["type"])])
    samples = SAMPLES.get(int(header.numbers["type"]), 1)
    count = math.prod(header.lengths) * samples
    with _opened(source) as stream:
        compressed = isinstance(stream, gzip.GzipFile)
        held = source.stat().st_size
        before = header.offset if compressed else 0  # has to be unpacked, too
        available = held if compressed else max(0, held - header.offset)
        as_stored = not compressed and samples == 1 and _slope_intercept(header) == (1.0, 0.0)
        if as_stored and stays_in_file(count * dtype.itemsize):
            check_held(path, count * dtype.itemsize, available, compressed=False)
            shape = tuple(length for _, length in reversed(header.kept))
            return file_planes(source, dtype, header.offset, shape, 2)
        check_announced(path, before + count * dtype.itemsize, available, compressed=compressed)
        flat = np.empty(count, dtype)
        stream.seek(header.offset)
        missing = _fill(stream, flat)
        if missing:
            raise UnreadableFileError(
                path, f"its pixels end {missing} bytes early in {source.name}, of {flat.nbytes}", _DAMAGED
            )
        if compressed:
            _finish(path, stream)
    native = flat.astype(dtype.newbyteorder("="), copy=False)
    return native if samples == 1 else native.reshape(-1, samples)


def _finish(path: Path, stream: IO[bytes]) -> None:
    """Read on to the checksum, which stands at the very end."""
    beyond = 0
    while piece := stream.read(2**20):
        beyond += len(piece)
        if beyond > _BEYOND:  # a few bytes of gzip may go on for hours
            found = f"goes on for more than {readable(_BEYOND)} after its pixels"
            raise UnreadableFileError(path, found, _DAMAGED)


def _fill(stream: IO[bytes], flat: Pixels) -> int:
    """Bytes that the stream has too few for the array."""
    place, at = flat.view(np.uint8), 0
    while at < len(place):
        piece = stream.read(min(2**22, len(place) - at))
        if not piece:
            break
        place[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)
    return len(place) - at


def _scaled(path: Path, header: _Header, pixels: Pixels) -> Pixels:
    slope, intercept = _slope_intercept(header)
    if (slope, intercept) == (1.0, 0.0):
        return pixels
    needed = pixels.size * scaled_type(pixels.dtype).itemsize
    check_announced(path, needed, needed, compressed=False)
    return scaled(pixels, slope, intercept)


def _slope_intercept(header: _Header) -> tuple[float, float]:
    slope = float(header.numbers["slope"])
    if slope == 0 or not math.isfinite(slope) or int(header.numbers["type"]) in SAMPLES:
        return 1.0, 0.0  # the standard's way to say that values are as stored; colours are always
    return slope, 0.0 if header.kind == "Analyze" else float(header.numbers["intercept"])


def _scale(header: _Header) -> tuple[dict[str, float], float | None, bool]:
    """Micrometres by axis, seconds, and whether the unit of length is a guess."""
    units = 0 if header.kind == "Analyze" else int(header.numbers["units"])
    spacing = [abs(float(size)) for size in header.numbers["pixdim"][1:5]]
    per_length = _MICROMETRES.get(units & 0x07, _MICROMETRES[2])
    known = [math.isfinite(size) and size > 0 for size in spacing]
    sizes = {axis: size * per_length for axis, size, good in zip("XYZ", spacing, known, strict=False) if good}
    seconds = _SECONDS.get(units & 0x38)
    return sizes, spacing[3] * seconds if known[3] and seconds else None, units & 0x07 not in _MICROMETRES


def _stored_type(header: _Header) -> str:
    code = int(header.numbers["type"])
    name = {128: "RGB of uint8", 2304: "RGBA of uint8"}.get(code, np.dtype(TYPES[code]).name)
    return f"{name}, {'little' if header.order == '<' else 'big'}-endian"


def _scaling(header: _Header) -> str:
    slope, intercept = _slope_intercept(header)
    return "" if (slope, intercept) == (1.0, 0.0) else f", scaled by {slope:g}, {intercept:+g}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        if file.peek(2)[:2] != GZIP:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as stream:
            yield stream
