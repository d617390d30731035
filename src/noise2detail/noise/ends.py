"""Whether values were clipped at the ends of an image, or are there for other reasons.

Noise that is clipped leaves a pile at the end and, beside it in the same places, values that come as near to it as the
rest of the distribution does. Masks leave nothing beside the pile. Where a distribution runs out by itself there are
fewer pixels at its end than beside it. Zero counts are as many as Poisson's law says. None of this asks whether
neighbouring pixels share their noise.
"""

import math

import numpy as np

from noise2detail.noise.blocks import Blocks, Extremes

MIXED = (0.02, 0.98)
"""Shares of extreme pixels between which a block has some of both kinds."""

FEWEST = 12
"""Blocks with some of both kinds that are needed to judge."""

CLOSE = 0.08
"""Share of the other pixels that must be near the end: half a normal distribution has 0.38 there, masks none."""

PILED = 1.3
"""Pixels at the end for each that has the next value, at least."""

GAP = 2.0
"""Deviations of the noise to the next value, at most."""

COUNTS = 0.2
"""Share by which the number of zero counts may miss Poisson's law."""

ROUGHLY = 2.5
"""How many times more zeros than that structure leaves, where the variance speaks for counts."""

VARIANCE = 0.3
"""Share by which their variance may miss their mean."""


def clipped_ends(blocks: Blocks, extremes: Extremes) -> tuple[float, float]:
    """The ends at which values were clipped; infinite where they were not.

    Parameters
    ----------
    blocks, extremes
        As ``look_at`` gives them.
    """
    low = extremes.low if _is_clipped(blocks, extremes, 0) else -math.inf
    high = extremes.high if _is_clipped(blocks, extremes, 1) else math.inf
    return low, high


def _is_clipped(blocks: Blocks, extremes: Extremes, number: int) -> bool:
    end = (extremes.low, extremes.high)[number]
    share = blocks.ends[:, number]
    mixed = (share > MIXED[0]) & (share < MIXED[1])
    if math.isinf(end) or np.count_nonzero(mixed) < FEWEST or extremes.piled[number] < PILED:
        return False
    if blocks.close[mixed, number].mean() < CLOSE:
        return False
    # across the gap beside a mask the next value is further away than noise reaches
    # (noise that neighbours share is in the low frequencies)
    if extremes.steps[number] > GAP * math.sqrt(max(np.quantile(one, 0.25) for one in (blocks.fine, blocks.rough))):
        return False
    return number == 1 or not _are_counts(blocks.chosen(mixed), extremes)


def _are_counts(mixed: Blocks, extremes: Extremes) -> bool:
    """True if dark blocks are counted photons, each worth the distance of the two lowest values.

    They have as many zeros as Poisson's law leaves at their mean, or roughly so and a variance that is their mean. The
    calmer half is looked at, since structure makes more of both.
    """
    photon = extremes.steps[0]
    if photon <= 0:
        return False
    calm = mixed.rough * np.median(mixed.fine) <= np.median(mixed.rough) * mixed.fine
    zeros = mixed.ends[calm, 0]
    mean = np.maximum(mixed.mean[calm] - extremes.low, 0)
    expected = float(np.exp(-mean / photon).sum())
    ratio = float(zeros.sum()) / expected if expected > 0 else math.inf
    if abs(ratio - 1) < COUNTS:
        return True
    spread = float(np.median(mixed.fine[calm] / np.maximum(mean * photon, 1e-300)))
    return ratio < ROUGHLY and abs(spread - 1) < VARIANCE
