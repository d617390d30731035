"""Whole numbers of 16 bits as few bytes, in a way that forty lines of JavaScript can undo.

A plane is predicted pixel by pixel, and what the prediction misses is deflated with its low and its high bytes apart.
The prediction is either the pixel's own neighbours or another picture of the same scene: a noisy image is its denoised
one and noise, and noise costs as many bits as it has, whatever one does.
"""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.types import Pixels

Codes = NDArray[np.uint16]

STRIP, STRIPS = 16, 8
"""Rows of a strip and strips of a plane from which its size is foretold."""


def pack(codes: Codes, base: Codes | None) -> bytes:
    """A deflated plane.

    Parameters
    ----------
    codes
        ``(y, x)``.
    base
        What is predicted from, of that shape; None: the neighbours.
    """
    missed = _missed(codes, base)
    low, high = (missed & 255).astype(np.uint8), (missed >> 8).astype(np.uint8)
    # runs and nothing longer: what noise repeats it repeats by chance, and the search for it takes most of the time
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    return packer.compress(low.tobytes()) + packer.compress(high.tobytes()) + packer.flush()


def unpack(packed: bytes, shape: tuple[int, int], base: Codes | None) -> Codes:
    """The plane that was packed; slow, and here to say exactly what a reader has to do."""
    size = shape[0] * shape[1]
    flat = np.frombuffer(zlib.decompress(packed), np.uint8).astype(np.int64)
    zigzag = flat[:size] | flat[size:] << 8
    missed = ((zigzag >> 1) ^ -(zigzag & 1)).reshape(shape)
    if base is not None:
        return ((missed + base) & 65535).astype(np.uint16)
    codes = np.zeros((shape[0] + 1, shape[1] + 1), np.int64)
    for y in range(shape[0]):
        for x in range(shape[1]):
            left, up, corner = int(codes[y + 1, x]), int(codes[y, x + 1]), int(codes[y, x])
            guess = min(max(left + up - corner, min(left, up)), max(left, up))
            codes[y + 1, x + 1] = (missed[y, x] + guess) & 65535
    return codes[1:, 1:].astype(np.uint16)


def some_rows(plane: Pixels) -> Pixels:
    """A few strips of a plane, one below the other: enough to foretell the size of the whole."""
    rows = len(plane)
    if rows <= STRIP * STRIPS:
        return plane
    starts = np.linspace(0, rows - STRIP, STRIPS).astype(int)
    return np.concatenate([plane[start : start + STRIP] for start in starts])


def foretold_bytes(codes: Codes, base: Codes | None) -> float:
    """About how many bytes :func:`pack` would give."""
    few = some_rows(codes)
    missed = _missed(few, None if base is None else some_rows(base))
    bits = _entropy(missed.ravel() & 255) + _entropy(missed.ravel() >> 8)
    return bits * codes.size / 8 + 100


def _missed(codes: Codes, base: Codes | None) -> NDArray[np.uint16]:
    """What the prediction misses, small numbers of either sign near 0: 0, -1, 1, -2 become 0, 1, 2, 3."""
    guess = _from_neighbours(codes) if base is None else base
    difference = (codes - guess).view(np.int16)  # modulo 65536 either way
    folded: NDArray[np.uint16] = ((difference << 1) ^ (difference >> 15)).view(np.uint16)
    return folded


def _from_neighbours(codes: Codes) -> Codes:
    """The middle one of left, upper and left + upper - corner.

    Source
    ------
    Weinberger, Seroussi & Sapiro, "The LOCO-I lossless image compression algorithm", IEEE TIP 2000, equation 1.
    """
    framed = np.zeros((codes.shape[0] + 1, codes.shape[1] + 1), np.int32)
    framed[1:, 1:] = codes
    left, up, corner = framed[1:, :-1], framed[:-1, 1:], framed[:-1, :-1]
    low, high = np.minimum(left, up), np.maximum(left, up)
    guess: Codes = np.clip(left + up - corner, low, high).astype(np.uint16)
    return guess


def _entropy(symbols: NDArray[Any]) -> float:
    """Bits for each symbol."""
    counts: NDArray[np.int64] = np.bincount(symbols)
    shares = counts[counts > 0] / symbols.size
    bits = float((shares * np.log2(shares)).sum())
    return -bits
