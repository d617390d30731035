"""NIfTI-1, NIfTI-2 and Analyze 7.5, as one file or a pair, also inside gzip; read only.

A header is a few numbers at fixed places. They are read here rather than by a library, so that each is checked before
anything is allocated, and nothing that names a patient is ever looked at.
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from noise2detail.errors import Noise2DetailError, PixelTypeError, UnreadableFileError
from noise2detail.image import Image, check_axes
from noise2detail.io.announced import check_announced, readable
from noise2detail.io.describe import FACTS_KEY
from noise2detail.types import Pixels

GZIP = b"\x1f\x8b"
"""First bytes of every gzip file."""

_DAMAGED = "it is truncated or damaged: copy or export it again"
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 128: "u1", 256: "i1", 512: "u2", 768: "u4", 1024: "i8"} | {
    1280: "u8",
    2304: "u1",
}
_SAMPLES = {128: 3, 2304: 4}
_COMPLEX = frozenset({32, 1792, 2048})
_UNUSUAL = {0: "of unknown type", 1: "of 1 bit", 1536: "of 128 bits"}
_MICROMETRES = {1: 1e6, 2: 1e3, 3: 1.0}
_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
_CIFTI = range(3000, 3100)
_LONGEST = 544
_SINGLE = 352
_BEYOND = 2**28

Kind = Literal["NIfTI-1", "NIfTI-2", "Analyze"]

_FIELDS: dict[Kind, tuple[int, dict[str, tuple[str, int]]]] = {
    "NIfTI-1": (
        348,
        {"dim": ("8i2", 40), "intent": ("i2", 68), "type": ("i2", 70), "pixdim": ("8f4", 76), "offset": ("f4", 108)}
        | {"slope": ("f4", 112), "intercept": ("f4", 116), "units": ("u1", 123)},
    ),
    "NIfTI-2": (
        540,
        {"type": ("i2", 12), "dim": ("8i8", 16), "pixdim": ("8f8", 104), "offset": ("i8", 168), "slope": ("f8", 176)}
        | {"intercept": ("f8", 184), "units": ("i4", 500), "intent": ("i4", 504)},
    ),
    # SPM keeps a factor where NIfTI has its slope; others leave the place empty.
    "Analyze": (
        348,
        {"dim": ("8i2", 40), "type": ("i2", 70), "pixdim": ("8f4", 76), "offset": ("f4", 108), "slope": ("f4", 112)},
    ),
}
"""Length of each header, and type and place of the numbers that matter."""


@dataclass(frozen=True)
class _Header:
    kind: Kind
    order: Literal["<", ">"]
    paired: bool
    numbers: Any
    """The fields above, by name."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of x, y, z, t and further dimensions."""
        return tuple(int(length) for length in self.numbers["dim"][1 : 1 + int(self.numbers["dim"][0])])

    @property
    def offset(self) -> int:
        """Byte of the file of pixels at which they begin."""
        said = float(self.numbers["offset"])
        start = int(said) if math.isfinite(said) else 0
        return max(start, 0) if self.paired else start or (_SINGLE if self.kind == "NIfTI-1" else _LONGEST)


def is_nifti(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a NIfTI or Analyze header, inside gzip or not."""
    return _kind(unpacked(head)) is not None


def unpacked(head: bytes) -> bytes:
    """The first bytes of what a gzip file holds; those of any other file as they are."""
    if not head.startswith(GZIP):
        return head
    try:
        return zlib.decompressobj(31).decompress(head, _LONGEST)
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
    axis. Values are stored ones where slope is 1 and intercept 0, else float32 (float64 where float64 is stored). A
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
    except (Noise2DetailError, MemoryError):
        raise
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableFileError(path, f"not a whole NIfTI file ({error})", _DAMAGED) from error
    return _image(path, header, stored, axes)


def _image(path: Path, header: _Header, stored: Pixels, axes: str | None) -> Image:
    kept = [(index, length) for index, length in enumerate(header.lengths) if index < 2 or length > 1]
    pixels = stored.reshape([length for _, length in reversed(kept)] + list(stored.shape[1:]))
    colour = "S" if stored.ndim > 1 else ""
    if axes is None and any(index > 3 for index, _ in kept):
        raise UnreadableFileError(
            path,
            f"holds {len(kept)} dimensions: {' x '.join(map(str, header.lengths))}; expected x, y, z and t at most",
            "say with axes what each dimension longer than 1 is, for example TCZYX, the last one stored fastest",
        )
    named = axes or "".join("XYZT"[index] for index, _ in reversed(kept)) + colour
    check_axes(named, pixels.shape)
    sizes, increment, assumed = _scale(header)
    facts = [("stored as", f"{header.kind}, {_stored_type(header)}{_scaling(header)}")]
    facts += [("unit of length", "not said; taken as mm")] if assumed and sizes else []
    facts += [("not carried over", "transparency")] if header.numbers["type"] == 2304 else []
    return Image(
        _scaled(path, header, pixels),
        named,
        {axis: size for axis, size in sizes.items() if axis in named},
        increment if "T" in named else None,
        format="nifti",
        metadata={FACTS_KEY: (*facts, ("not carried over", "position, orientation and other fields of the header"))},
    )


def _kind(head: bytes) -> tuple[Kind, Literal["<", ">"], bool] | None:
    """Which header it is, its byte order, and whether its pixels lie in another file."""
    if len(head) < 12:
        return None
    for order in ("<", ">"):
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
        head = stream.read(_LONGEST)
    found = _kind(head)
    if found is None or len(head) < _FIELDS[found[0]][0]:
        raise UnreadableFileError(path, "not a whole NIfTI file: its header is cut off", _DAMAGED)
    kind, order, paired = found
    length, fields = _FIELDS[kind]
    places = [at for _, at in fields.values()]
    formats = [name[0] + order + name[1:] if name[0] == "8" else order + name for name, _ in fields.values()]
    layout = np.dtype({"names": list(fields), "formats": formats, "offsets": places, "itemsize": length})
    header = _Header(kind, order, paired, np.frombuffer(head, layout, 1)[0])
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
    if code not in _TYPES:
        raise UnreadableFileError(
            path,
            f"holds pixels {_UNUSUAL.get(code, f'of type code {code}')}",
            "convert them to integers of 8 to 64 bits or floats of 32 or 64",
        )
    if header.offset < (0 if header.paired else _FIELDS[header.kind][0]):
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


def _stored(path: Path, source: Path, header: _Header) -> Pixels:
    """Pixels in native byte order, flat, with a last axis of colours where there are any."""
    dtype = np.dtype(header.order + _TYPES[int(header.numbers["type"])])
    samples = _SAMPLES.get(int(header.numbers["type"]), 1)
    count = math.prod(header.lengths) * samples
    with _opened(source) as stream:
        compressed = isinstance(stream, gzip.GzipFile)
        held = source.stat().st_size
        before = header.offset if compressed else 0  # has to be unpacked, too
        available = held if compressed else max(0, held - header.offset)
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
    return native if samples == 1 else np.ascontiguousarray(native.reshape(-1, samples)[:, :3])


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
    if (slope, intercept) == (1.0, 0.0) or int(header.numbers["type"]) in _SAMPLES:
        return pixels
    result = np.empty(pixels.shape, np.float64 if pixels.dtype == np.float64 else np.float32)
    check_announced(path, result.nbytes, result.nbytes, compressed=False)
    with np.errstate(over="ignore", invalid="ignore"):
        for plane in np.ndindex(*pixels.shape[:-2]):
            result[plane] = pixels[plane] * np.float64(slope) + intercept
    return result


def _slope_intercept(header: _Header) -> tuple[float, float]:
    slope = float(header.numbers["slope"])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0  # the standard's way to say that values are as stored
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
    name = {128: "RGB of uint8", 2304: "RGBA of uint8"}.get(code, np.dtype(_TYPES[code]).name)
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
