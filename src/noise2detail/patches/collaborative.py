"""Shrinkage of a group of similar patches in a transform of the stack that they form."""

from typing import NamedTuple

from torch import Tensor


class Filtered(NamedTuple):
    """Groups after shrinkage, their patches still in the transform of a patch."""

    patches: Tensor
    """``(size, groups, coefficients)``."""
    weights: Tensor
    """One over the variance of the noise that is left in a group, ``(groups,)``."""


def stacked(table: Tensor, group: Tensor, haar: Tensor) -> Tensor:
    """Spectrum of each group, ``(size, groups, coefficients)``, from a table of transformed patches."""
    size, groups = group.shape
    stack = table.index_select(0, group.reshape(-1)).view(size, -1)
    return (haar @ stack).view(size, groups, -1)


def unstacked(spectrum: Tensor, haar: Tensor) -> Tensor:
    """Transformed patches of each group, from its spectrum."""
    return (haar.mT @ spectrum.flatten(1)).view_as(spectrum)


def hard_threshold(spectrum: Tensor, haar: Tensor, variance: Tensor, factor: float) -> Filtered:
    """Groups without the coefficients that noise alone explains.

    The mean of a group always stays: a constant added to the image is added to the result.

    Parameters
    ----------
    spectrum
        Of the noisy groups.
    haar
        Orthonormal transform of a stack.
    variance
        Of the noise in each coefficient, broadcast to ``spectrum``.
    factor
        Standard deviations below which a coefficient counts as noise.
    """
    keep = spectrum.abs() > factor * variance.sqrt()
    keep[0, :, 0] = True
    left = (keep * variance).sum((0, 2))
    return Filtered(unstacked(spectrum.mul_(keep), haar), left.reciprocal())


def wiener(spectrum: Tensor, pilot: Tensor, haar: Tensor, variance: Tensor) -> Filtered:
    """Groups with every coefficient weighted by its share of signal, which a first estimate tells.

    Parameters
    ----------
    spectrum
        Of the noisy groups.
    pilot
        Spectrum of the same groups of the first estimate.
    haar, variance
        As for ``hard_threshold``.
    """
    share = pilot.square()
    share.div_(share + variance)
    share[0, :, 0] = 1.0
    spectrum.mul_(share)
    left = (share.square_() * variance).sum((0, 2))
    return Filtered(unstacked(spectrum, haar), left.reciprocal())
