"""The loss of a filter on noisy pixels that it has not seen: what its parameters are chosen by without a reference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
"""One channel of one image, ``(y, x)``."""

Filter = Callable[[Plane], Plane]
"""Keeps rows and columns."""

Phase = tuple[slice, slice]
"""Pixels of a regular grid: rows and columns."""

Filling = Literal["mean", "noisy"]
"""Masked pixels become the mean of their neighbours, or that and as much noise as they had."""

STRIDE = 4
"""Pixels from one masked pixel to the next: with the eight neighbours that fill it in, none is used twice."""

FEW = 64 * 64
"""Pixels below which a quarter of the phases leaves too few to judge by, so that all are taken."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A plane, or a part of one, that a filter is judged on."""

    noisy: Plane
    """The pixels; where they are no data, something finite."""
    valid: NDArray[np.bool_]
    """Same shape; True where a pixel is data."""

    filling: Filling = "mean"
    """What takes the place of a masked pixel."""

    @cached_property
    def neighbours(self) -> Plane:
        """Every pixel as its neighbours predict it."""
        return without_centre(self.noisy)

    @cached_property
    def filled(self) -> Plane:
        """What each pixel would be replaced by."""
        return self.neighbours if self.filling == "mean" else with_noise(self.noisy, self.neighbours)


def without_centre(plane: Plane) -> Plane:
    """Every pixel predicted from its eight neighbours, the nearer four with twice the weight.

    Borders are mirrored about the border pixels: repeating them would let a pixel predict itself.

    Source
    ------
    The kernel is that of the authors' own programs for Batson & Royer 2019. scikit-image takes the four nearest.
    """
    from scipy.ndimage import correlate  # takes 0.1 s to import, and most methods need none of it

    kernel = np.array([[0.5, 1.0, 0.5], [1.0, 0.0, 1.0], [0.5, 1.0, 0.5]]) / 6
    result: Plane = correlate(plane, kernel, mode="mirror")
    return result


_STRENGTH = (1 + math.sqrt(1 + 16 * 41 * 31)) / 164
"""Of the noise that is added, so that white noise of variance 1 has variance 1 again: the mean of neighbours has 5/36
left, a difference from such a mean has 41/36, and their covariance, through the one pixel in both, is -1/144."""


def with_noise(plane: Plane, neighbours: Plane) -> Plane:
    """Every pixel predicted from its neighbours, with noise as strong as its own, taken from two rows and columns away.

    That noise is another pixel's difference from its own neighbours, none of which is the pixel itself, and none of
    which shares a phase with it: what is masked stays unseen. Noise that depends on the signal comes out right, no
    estimate of it is needed, and nothing is drawn.

    Parameters
    ----------
    plane
        Noisy; at least four rows and columns.
    neighbours
        Of it, from ``without_centre``.

    Source
    ------
    A deviation from Batson & Royer 2019. Their masked pixel is smoother than any other. A filter whose weights depend
    on a pixel's own value is then chosen for clean centres, and fails on noisy ones: an adaptive Wiener filter by 3 dB
    on fluorescence, for a Gaussian blur it makes no such difference.
    """
    y, x = plane.shape
    rows, columns = np.arange(y) + 2, np.arange(x) + 2
    rows[rows >= y] -= 4
    columns[columns >= x] -= 4
    noise: Plane = (plane - neighbours)[np.ix_(rows, columns)]
    return neighbours + _STRENGTH * noise


def phases(stride: int) -> tuple[Phase, ...]:
    """The ``stride ** 2`` regular grids that cover every pixel once.

    Examples
    --------
    >>> [(rows.start, columns.start) for rows, columns in phases(2)]
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    starts = range(stride)
    return tuple((slice(row, None, stride), slice(column, None, stride)) for row in starts for column in starts)


def phases_for(samples: Sequence[Sample]) -> tuple[Phase, ...]:
    """Phases to judge a filter by: all, or four where these suffice.

    The four share no row and no column, so that a line of the image cannot count twice.
    """
    every = phases(STRIDE)
    few = tuple(every[row * STRIDE + column] for row, column in enumerate((0, 2, 1, 3)))
    data = sum(int(sample.valid.sum()) for sample in samples)
    seen = sum(int(sample.valid[phase].sum()) for sample in samples for phase in few)
    return few if data >= FEW and seen else every


def unseen(function: Filter, sample: Sample, phase: Phase) -> Plane:
    """What a filter gives at the pixels of a phase when it has not seen them."""
    masked = sample.noisy.copy()
    masked[phase] = sample.filled[phase]
    return function(masked)[phase]


def self_loss(
    function: Filter, samples: Sequence[Sample], grids: Sequence[Phase], on_run: Callable[[int, float], None]
) -> float:
    """Mean squared difference between noisy pixels and what a filter makes of their surroundings; NaN without data.

    Its expectation is the error against the clean image plus the variance of the noise, whatever the filter: the
    filter that lowers it most also lowers the error most, and the clean image is not needed to find it.

    This needs noise that is independent from pixel to pixel. Noise that is correlated (a demosaiced or resampled
    image, a reconstructed slice, many a wide-field camera) can be predicted from the neighbours, so the loss rewards a
    filter for keeping it: the calibrated filter then hardly denoises at all.

    Parameters
    ----------
    function
        Filter with its parameters set.
    samples
        What to judge it on.
    grids
        Phases; the filter runs once for each sample and phase.
    on_run
        Told after each run its number, from 1, and the loss so far; may raise to stop.

    Source
    ------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, Proposition 1 and section 3.1.
    """
    total, count, loss = 0.0, 0, math.nan
    for number, (sample, phase) in enumerate(product(samples, grids), 1):
        error = (unseen(function, sample, phase) - sample.noisy[phase])[sample.valid[phase]]
        total, count = total + float(np.sum(error * error)), count + error.size
        loss = total / count if count else math.nan
        on_run(number, loss)
    return loss
