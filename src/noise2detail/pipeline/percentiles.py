"""Percentiles of an image of any size, exact, without sorting or copying it.

The bits of a number, read as a whole number with a small twist, are in the order of the numbers. Counting how often
each value of the first 16 bits occurs tells within which of them a percentile lies; counting the next 16 bits of those
alone tells more, until all bits are known or so few numbers are left that they can be sorted. Integers of 16 bits need
one such pass.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.types import Pixels

Stream = Callable[[], Iterable[Pixels]]
"""Gives all values, piece by piece, as often as it is called."""

DIGIT = 16
"""Bits that are counted in one pass."""

FEW = 2**20
"""Values that may be collected and sorted."""


def percentiles(stream: Stream, dtype: np.dtype[Any], percents: Sequence[float]) -> NDArray[np.float64] | None:
    """Percentiles with linear interpolation, those of ``numpy.percentile`` to the bit; None where there is no value.

    Parameters
    ----------
    stream
        Finite values.
    dtype
        Their type.
    percents
        From 0 to 100.
    """
    first = _count(stream, dtype, _top_shift(dtype), {0})
    total = int(first[0].sum())
    if not total:
        return None
    place = (total - 1) * np.true_divide(percents, 100)
    below = np.floor(place).astype(np.int64).clip(0, total - 1)
    above = (below + 1).clip(max=total - 1)
    ranks = np.unique([below, above])
    statistics = _order_statistics(stream, dtype, ranks, first)
    if dtype.kind == "i":  # differences of signed integers wrap around
        statistics = statistics.astype(np.promote_types(dtype, np.float32))
    low, high = (statistics[np.searchsorted(ranks, wanted)] for wanted in (below, above))
    share = place - below
    with np.errstate(over="ignore", invalid="ignore"):  # neighbours may be further apart than a float can tell
        step = high - low
        # numpy's own way, which keeps the result between its neighbours in floating point too
        found: NDArray[np.float64] = np.where(share < 0.5, low + step * share, high - step * (1 - share))
    return found


def _order_statistics(
    stream: Stream, dtype: np.dtype[Any], ranks: NDArray[np.int64], first: dict[int, NDArray[np.int64]]
) -> Pixels:
    """Values at these places, from 0, of all values in ascending order; ``first`` counts their first digits."""
    shift, counts = _top_shift(dtype), first
    known = [(0, int(rank)) for rank in ranks]  # bits known so far, and place among the values that share them
    while True:
        left = {}
        for number, (prefix, rank) in enumerate(known):
            digit, known[number] = _next_digit(counts[prefix], prefix, rank)
            left[known[number][0]] = int(counts[prefix][digit])
        if not shift:
            return _from_keys([key for key, _ in known], dtype)
        if sum(left.values()) <= FEW:
            found = _collected(stream, shift, set(left))
            return _from_keys([int(found[prefix][rank]) for prefix, rank in known], dtype)
        shift -= DIGIT
        counts = _count(stream, dtype, shift, set(left))


def _next_digit(counts: NDArray[np.int64], prefix: int, rank: int) -> tuple[int, tuple[int, int]]:
    """The digit of the value at a place, and with it the bits known and the place among the values that share them."""
    upto = counts.cumsum()
    digit = int(np.searchsorted(upto, rank, side="right"))
    return digit, (prefix << DIGIT | digit, rank - int(upto[digit] - counts[digit]))


def _count(stream: Stream, dtype: np.dtype[Any], shift: int, prefixes: set[int]) -> dict[int, NDArray[np.int64]]:
    """How often each digit occurs at ``shift`` bits from the end, for every choice of the bits before it."""
    size = 2 ** min(DIGIT, 8 * dtype.itemsize)
    counts = {prefix: np.zeros(size, np.int64) for prefix in prefixes}
    top = shift == _top_shift(dtype)
    for values in stream():
        keys = _to_keys(values) >> shift
        digits, before = (keys & (size - 1)).astype(np.intp), keys >> DIGIT
        for prefix, found in counts.items():
            found += np.bincount(digits if top else digits[before == prefix], minlength=size)
    return counts


def _collected(stream: Stream, shift: int, prefixes: set[int]) -> dict[int, Pixels]:
    """The keys that begin with each of the prefixes, in ascending order."""
    found: dict[int, list[Pixels]] = {prefix: [] for prefix in prefixes}
    for values in stream():
        keys = _to_keys(values)
        before = keys >> shift
        for prefix, parts in found.items():
            parts.append(keys[before == prefix])
    return {prefix: np.sort(np.concatenate(parts)) for prefix, parts in found.items()}


def _top_shift(dtype: np.dtype[Any]) -> int:
    return max(0, 8 * dtype.itemsize - DIGIT)


def _to_keys(values: Pixels) -> Pixels:
    """Unsigned integers in the order of the values."""
    native = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("="), copy=False).reshape(-1)
    if native.dtype.kind == "u":
        return native
    bits = native.view(f"u{native.itemsize}")
    sign = bits.dtype.type(1 << (8 * native.itemsize - 1))
    if native.dtype.kind == "i":
        flipped: Pixels = bits ^ sign
        return flipped
    # negative numbers are stored as their size with a sign: the larger the bits, the smaller the number
    keys: Pixels = np.where(bits & sign, ~bits, bits | sign)
    return keys


def _from_keys(keys: list[int], dtype: np.dtype[Any]) -> Pixels:
    """Values from what ``_to_keys`` gave, in native byte order."""
    native = dtype.newbyteorder("=")
    bits = np.array(keys, f"u{native.itemsize}")
    sign = bits.dtype.type(1 << (8 * native.itemsize - 1))
    if native.kind == "i":
        bits ^= sign
    elif native.kind == "f":
        bits = np.where(bits & sign, bits ^ sign, ~bits)
    values: Pixels = bits.view(native)
    return values
