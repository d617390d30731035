"""BM3D as the paper writes it, one patch at a time: the oracle of the fast one."""

import numpy as np
import pywt
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from scipy.signal.windows import kaiser as kaiser_line

Image = NDArray[np.float64]

SIDE = 8


def wavelet(patch: Image) -> Image:
    """Two-dimensional bior1.5, periodic, down to one mean, each row of its matrix of unit length."""
    return LINE @ patch @ LINE.T


def _line() -> Image:
    columns = []
    for unit in np.eye(SIDE):
        low: Image = unit
        details: list[Image] = []
        while len(low) > 1:
            low, high = pywt.dwt(low, "bior1.5", mode="periodization")
            details.insert(0, high)
        columns.append(np.concatenate([low, *details]))
    matrix = np.array(columns).T
    normal: Image = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return normal


LINE = _line()
BACK = np.linalg.inv(LINE)


def haar(stack: Image) -> Image:
    """Orthonormal Haar transform along the first axis, the mean first."""
    details: list[Image] = []
    while len(stack) > 1:
        details.insert(0, (stack[::2] - stack[1::2]) / np.sqrt(2))
        stack = (stack[::2] + stack[1::2]) / np.sqrt(2)
    return np.concatenate([stack, *details])


def unhaar(spectrum: Image) -> Image:
    """Its inverse."""
    stack, rest = spectrum[:1], spectrum[1:]
    while len(rest):
        high, rest = rest[: len(stack)], rest[len(stack) :]
        stack = np.stack([stack + high, stack - high], 1).reshape(-1, *stack.shape[1:]) / np.sqrt(2)
    return stack


def group_of(guide: Image, y: int, x: int, reach: int, count: int, limit: float) -> list[tuple[int, int]]:
    """Corners of the patches nearest to that at (y, x), itself first; a power of two."""
    own, found = guide[y : y + SIDE, x : x + SIDE], []
    for v in range(max(y - reach, 0), min(y + reach, guide.shape[0] - SIDE) + 1):
        for u in range(max(x - reach, 0), min(x + reach, guide.shape[1] - SIDE) + 1):
            difference = float(np.mean((guide[v : v + SIDE, u : u + SIDE] - own) ** 2))
            if difference <= limit:
                found.append((difference, v, u))
    found.sort()
    size = 2 ** int(np.log2(min(len(found), count)))
    return [(v, u) for _, v, u in found[:size]]


def slow_pass(noisy: Image, pilot: Image | None, *, count: int, limit: float, reach: int = 19) -> Image:
    """One cascade for noise of variance 1: bior1.5 and threshold 2.7, or with a pilot cosines and Wiener; step 3."""
    y, x = noisy.shape
    pads = [(0, -(n - SIDE) % 3) for n in (y, x)]
    noisy = np.pad(noisy, pads, mode="reflect")
    guide = noisy if pilot is None else np.pad(pilot, pads, mode="reflect")
    line = kaiser_line(SIDE, 2.0)
    window, sums, weights = np.outer(line, line), np.zeros_like(noisy), np.zeros_like(noisy)
    for top in range(0, noisy.shape[0] - SIDE + 1, 3):
        for left in range(0, noisy.shape[1] - SIDE + 1, 3):
            places = group_of(guide, top, left, reach, count, limit)
            stack, likeness = (
                np.array([image[v : v + SIDE, u : u + SIDE] for v, u in places]) for image in (noisy, guide)
            )
            if pilot is None:
                spectrum = haar(np.array([wavelet(patch) for patch in stack]))
                share = (np.abs(spectrum) > 2.7).astype(float)
            else:
                spectrum = haar(dctn(stack, axes=(1, 2), norm="ortho"))
                power = haar(dctn(likeness, axes=(1, 2), norm="ortho")) ** 2
                share = power / (power + 1)
            share[0, 0, 0] = 1
            patches = unhaar(spectrum * share)
            patches = (
                np.array([BACK @ p @ BACK.T for p in patches])
                if pilot is None
                else idctn(patches, axes=(1, 2), norm="ortho")
            )
            for (v, u), patch in zip(places, patches, strict=True):
                weight = window / np.sum(share**2)
                sums[v : v + SIDE, u : u + SIDE] += weight * patch
                weights[v : v + SIDE, u : u + SIDE] += weight
    return (sums / weights)[:y, :x]
