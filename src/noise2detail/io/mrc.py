"""MRC and CCP4 maps of electron microscopy, and the variant that DeltaVision light microscopes write: reading.

A header is 1024 bytes with numbers at fixed places. They are read here rather than by a library, so that each is
checked before anything is allocated, and because libraries take the micrometres of DeltaVision for Angstrom.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import PixelTypeError, UnreadableFileError
from noise2detail.image import Image, check_axes
from noise2detail.io.announced import check_announced
from noise2detail.io.describe import FACTS_KEY
from noise2detail.io.mrc_write import IMOD, MRC_KEY, MrcTemplate, Order
from noise2detail.types import Pixels

_HEADER = 1024
_DAMAGED = "it is truncated or damaged: copy or export it again"
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2", 16: "u1"}
_COMPLEX = frozenset({3, 4})
_RGB = 16
_LONGEST = 2**24
_ANGSTROM = 1e-4
_DELTAVISION = -16224
_SEQUENCES = {0: "CTZ", 1: "TZC", 2: "TCZ"}
"""Slowest to fastest axis of sections, by DeltaVision's code."""
_VOLUMES = range(401, 631)

_FIELDS = {
    "lengths": ("3i4", 0),
    "mode": ("i4", 12),
    "sampling": ("3i4", 28),
    "cell": ("3f4", 40),
    "order": ("3i4", 64),
    "group": ("i4", 88),
    "extension": ("i4", 92),
    "deltavision": ("2i2", 96),
    "imod": ("i4", 152),
    "imod_flags": ("i4", 156),
    "times": ("2i2", 180),
    "waves": ("2i2", 196),
}


@dataclass(frozen=True)
class _Header:
    order: Order
    numbers: Any
    """The fields above, by name."""

    @property
    def lengths(self) -> tuple[int, int, int]:
        """Columns, rows and sections."""
        columns, rows, sections = (int(length) for length in self.numbers["lengths"])
        return columns, rows, sections

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored pixels."""
        name = _MODES[int(self.numbers["mode"])]
        # IMOD wrote unsigned bytes before the standard settled on signed ones, and says so in a flag of its own.
        unsigned = int(self.numbers["imod"]) == IMOD and not int(self.numbers["imod_flags"]) & 1
        return np.dtype("u1" if name == "i1" and unsigned else self.order + name)

    @property
    def samples(self) -> int:
        """Colours of a pixel."""
        return 3 if int(self.numbers["mode"]) == _RGB else 1

    @property
    def nbytes(self) -> int:
        """Of all pixels."""
        return math.prod(self.lengths) * self.samples * self.dtype.itemsize

    @property
    def offset(self) -> int:
        """Byte at which the pixels begin."""
        return _HEADER + max(0, int(self.numbers["extension"]))

    @property
    def deltavision(self) -> bool:
        """Whether the header follows DeltaVision."""
        return _DELTAVISION in self.numbers["deltavision"]

    @property
    def swapped(self) -> bool:
        """Whether a program changed the byte order of the header four bytes at a time, short numbers and all."""
        return int(self.numbers["deltavision"][1]) == _DELTAVISION

    @property
    def arrangement(self) -> tuple[int, int, int]:
        """DeltaVision's number of times and of channels, and the code of their sequence."""
        pairs = [tuple(self.numbers[name]) for name in ("times", "waves")]
        (times, sequence), (waves, _) = [pair[::-1] if self.swapped else pair for pair in pairs]
        return max(1, int(times)), max(1, int(waves)), int(sequence)


def is_mrc(head: bytes) -> bool:
    """Whether the first 1024 bytes of a file are an MRC header."""
    if head[208:211].upper() == b"MAP":
        return True
    return len(head) >= _HEADER and any(
        header.deltavision and _plausible(header) for header in (_parsed(head, "<"), _parsed(head, ">"))
    )


def read_mrc(path: Path, axes: str | None = None) -> Image:
    """The image of an MRC file.

    Axes are ``ZYX``, ``YX`` where there is one section, and ``TZYX`` for a stack of volumes, whichever way round the
    file stores x, y and z. The half floats of mode 12 become float32.

    Parameters
    ----------
    path
        The file.
    axes
        Overrides the meaning of the dimensions.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    PixelTypeError
        A transform: complex numbers.
    UnreadableFileError
        Damaged, truncated, or packed pixels.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEADER)
            header = _header(path, head, size)
            check_announced(path, header.nbytes, max(0, size - header.offset), compressed=False)
            extended = stream.read(header.offset - _HEADER)
        flat = np.fromfile(path, header.dtype, header.nbytes // header.dtype.itemsize, offset=header.offset)
    except OSError as error:
        if isinstance(error, UnreadableFileError):
            raise
        raise UnreadableFileError(path, f"cannot be read ({error.strerror})", _DAMAGED) from error
    native = np.float32 if header.dtype.itemsize == 2 and header.dtype.kind == "f" else header.dtype.newbyteorder("=")
    columns, rows, sections = header.lengths
    colours = (header.samples,) if header.samples > 1 else ()
    stored = flat.astype(native, copy=False).reshape(sections, rows, columns, *colours)
    pixels, found = _upright(stored, header)
    named = axes or found
    check_axes(named, pixels.shape)
    sizes = {axis: length for axis, length in _voxel(header).items() if axis in named}
    half = ", half floats" if header.dtype == np.float16 else ""
    text = f"mode {header.numbers['mode']}{half}, {'little' if header.order == '<' else 'big'}-endian"
    image = Image(pixels, named, sizes, format="mrc", metadata={FACTS_KEY: (("stored as", text),)})
    template = _template(header, image, head, extended, stored.shape, found)
    return replace(image, metadata={**image.metadata, MRC_KEY: template})


def _template(
    header: _Header, image: Image, head: bytes, extended: bytes, sections: tuple[int, ...], own_axes: str
) -> MrcTemplate:
    return MrcTemplate(
        order=header.order,
        header=head,
        extended=extended,
        mode=int(header.numbers["mode"]),
        stored=header.dtype.newbyteorder("="),
        deltavision=header.deltavision,
        swapped=header.swapped,
        turned=_turned(header),
        sections=sections,
        dtype=image.array.dtype,
        shape=tuple(image.array.shape),
        axes=image.axes,
        own_axes=own_axes,
        pixel_size_um=dict(image.pixel_size_um),
    )


def _header(path: Path, head: bytes, size: int) -> _Header:
    if len(head) < _HEADER:
        raise UnreadableFileError(path, f"not a whole MRC file: {len(head)} bytes, its header takes 1024", _DAMAGED)
    orders: tuple[Order, Order] = (">", "<") if head[212] == 0x11 else ("<", ">")  # the machine stamp
    parsed = [_parsed(head, order) for order in orders]
    plausible = [header for header in parsed if _plausible(header)]
    if not plausible:
        lengths, mode = parsed[0].lengths, int(parsed[0].numbers["mode"])
        raise UnreadableFileError(path, f"its MRC header names {lengths} pixels of mode {mode}", _DAMAGED)
    header = plausible[0]
    if len(plausible) == 2 and _end(header) > size >= _end(plausible[1]):
        header = plausible[1]
    mode = int(header.numbers["mode"])
    if mode in _COMPLEX:
        raise PixelTypeError(f"{path}: a transform of complex numbers (mode {mode}); denoise the image itself")
    if mode not in _MODES:
        raise UnreadableFileError(
            path,
            f"holds two pixels of 4 bits in each byte (mode {mode})",
            "unpack it first, for example with IMOD's newstack -mode 0",
        )
    return header


def _parsed(head: bytes, order: Order) -> _Header:
    formats = [name[0] + order + name[1:] if name[0].isdigit() else order + name for name, _ in _FIELDS.values()]
    places = [at for _, at in _FIELDS.values()]
    layout = np.dtype({"names": list(_FIELDS), "formats": formats, "offsets": places, "itemsize": _HEADER})
    return _Header(order, np.frombuffer(head, layout, 1)[0])


def _plausible(header: _Header) -> bool:
    mode = int(header.numbers["mode"])
    return (mode in _MODES or mode in _COMPLEX or mode == 101) and all(0 < n < _LONGEST for n in header.lengths)


def _end(header: _Header) -> int:
    return header.offset + (header.nbytes if int(header.numbers["mode"]) in _MODES else 0)


def _upright(stored: Pixels, header: _Header) -> tuple[Pixels, str]:
    """The pixels with x last and y before it, and their axes."""
    colour = "S" if header.samples > 1 else ""
    sections, turned = stored.shape[0], _turned(header)
    if turned:
        stored = np.ascontiguousarray(stored.transpose(turned))
    elif header.deltavision and sections > 1:
        return _sequence(stored, header, colour)
    else:
        depth = int(header.numbers["sampling"][2])
        if int(header.numbers["group"]) in _VOLUMES and 0 < depth < sections and sections % depth == 0:
            return stored.reshape(sections // depth, depth, *stored.shape[1:]), "TZYX" + colour
    return (stored[0], "YX" + colour) if stored.shape[0] == 1 else (stored, "ZYX" + colour)


def _turned(header: _Header) -> tuple[int, ...]:
    """Stored dimension of z, y and x, and of colours where there are any; empty where they are in this order."""
    order = [int(axis) for axis in header.numbers["order"]]
    if sorted(order) != [1, 2, 3] or order == [1, 2, 3]:
        return ()
    letters = "".join("XYZ"[axis - 1] for axis in reversed(order))
    return (*(letters.index(axis) for axis in "ZYX"), *([3] if header.samples > 1 else []))


def _sequence(stored: Pixels, header: _Header, colour: str) -> tuple[Pixels, str]:
    """Sections of DeltaVision parted into times, channels and depths."""
    times, waves, sequence = header.arrangement
    sections = stored.shape[0]
    if sections % (times * waves) or sequence not in _SEQUENCES:
        return stored, "ZYX" + colour
    lengths = {"T": times, "C": waves, "Z": sections // (times * waves)}
    letters = "".join(axis for axis in _SEQUENCES[sequence] if lengths[axis] > 1)
    return stored.reshape([lengths[axis] for axis in letters] + list(stored.shape[1:])), letters + "YX" + colour


def _voxel(header: _Header) -> dict[str, float]:
    """Micrometres by axis; DeltaVision says the pixel size in micrometres, all others the cell in Angstrom."""
    sizes: dict[str, float] = {}
    for axis, length, pixels in zip("XYZ", header.numbers["cell"], header.numbers["sampling"], strict=True):
        per_pixel = float(length) if header.deltavision else float(length) * _ANGSTROM / max(1, int(pixels))
        if math.isfinite(per_pixel) and per_pixel > 0:
            sizes[axis] = per_pixel
    return sizes
