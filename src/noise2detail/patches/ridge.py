"""Ridge regression within large groups of similar patches, guided by a first estimate."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.patches.layout import Layout, Search, Strip
from noise2detail.patches.matching import match, squared_lengths
from noise2detail.patches.spectrum import coefficient_variances, lagged_covariances
from noise2detail.patches.transforms import patch_matrix

GUIDES = 3
"""Channels in which patches are compared, at most."""

GROUPS = 32
"""Groups that are solved together: with their patches they fit into the cache."""


@dataclass(frozen=True)
class Ridge:
    """Each patch of a group is the best linear combination of all of them, in expectation over the noise.

    Source
    ------
    Herbreteau & Kervrann, "Towards a unified view of unsupervised non-local methods for image denoising: the NL-Ridge
    approach", SIAM J. Imaging Sciences 2025, second step. Deviations: groups are an order of magnitude larger and their
    references farther apart, which measures better and costs no more, since the equations are solved between the
    pixels of a patch and not between patches (both have the same solution); the mean patch is taken away before; the
    estimate that guides comes from elsewhere; noise that neighbours share is made white within the patch.
    """

    search: Search = field(default_factory=lambda: Search(step=8, reach=14, count=256, cell=3))
    """Patches and groups."""
    positions: int = 2**17
    """Candidates that are held at a time: few enough that their memory is used again, not asked for anew."""

    def run(
        self, noisy: Tensor, pilot: Tensor, autocovariances: Tensor, tick: Callable[[], None] = lambda: None
    ) -> Tensor:
        """Filtered channels of one image ``(channel, y, x)``.

        Parameters
        ----------
        noisy
            The image, the channel with the strongest structure first.
        pilot
            Estimate of the same, which says what is similar and what is structure.
        autocovariances
            Of the noise of each channel, ``(channel, lag_y, lag_x)``.
        tick
            Called after each of the ``pieces``; may raise.
        """
        mean = noisy.mean((1, 2), keepdim=True)
        layout = Layout(self.search, *noisy.shape[-2:])
        bordered = layout.bordered(torch.cat([noisy - mean, pilot - mean]))
        whiteners = [_whitener(one.to(noisy), self.search.side) for one in autocovariances]
        sums, weights = torch.zeros(2, len(noisy), *bordered.shape[1:], device=noisy.device)
        for strip in layout.strips(self.positions * GUIDES // max(len(noisy), GUIDES)):
            for number, (values, counts) in enumerate(self._strip(strip, bordered, whiteners, tick)):
                strip.cut(sums[number]).add_(values)
                strip.cut(weights[number]).add_(counts)
        reach = self.search.reach
        inside = (..., slice(reach, reach + noisy.shape[-2]), slice(reach, reach + noisy.shape[-1]))
        result: Tensor = sums[inside] / weights[inside] + mean
        return result

    def pieces(self, y: int, x: int) -> int:
        """Pieces into which an image of this size is cut."""
        return Layout(self.search, y, x).pieces

    def _strip(
        self, strip: Strip, bordered: Tensor, whiteners: list[Tensor | None], tick: Callable[[], None]
    ) -> list[tuple[Tensor, Tensor]]:
        """Weighted sums and weights of the pixels of a strip, for each channel."""
        channels = len(whiteners)
        tables = [
            _times(strip.patches(image), whiteners[number % channels]) for number, image in enumerate(bordered)
        ]  # in units of the noise
        pilots = tables[channels:]
        guide = torch.cat(pilots[:GUIDES], 1) if channels > 1 else pilots[0]
        lengths = squared_lengths(guide, strip)
        totals = [torch.zeros_like(table) for table in pilots]
        counts = [table.new_zeros(len(table)) for table in pilots]
        for piece in strip.pieces():
            found, differences = match(guide, lengths, strip, piece)
            inside = differences < torch.inf  # small images have fewer candidates than a group has room
            for groups, counted in zip(torch.split(found, GROUPS), torch.split(inside, GROUPS), strict=True):
                for channel in range(channels):
                    patches, weights = regressed(tables[channel], pilots[channel], groups, counted)
                    totals[channel].index_add_(0, groups.flatten(), patches)
                    counts[channel].index_add_(0, groups.flatten(), weights)
            tick()
        return [
            _spread(_times(total, None if whitener is None else whitener.inverse()), count, strip)
            for total, count, whitener in zip(totals, counts, whiteners, strict=True)
        ]


def regressed(table: Tensor, pilots: Tensor, found: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Filtered patches times their weights, ``(groups * size, values)``, and the weights.

    With ``X`` the patches of the pilot, a row for each, and ``Y`` those of the image, whose noise has variance 1, the
    combination with the least expected error is ``X X' (X X' + n)^-1 Y``, which equals ``X (X' X + n)^-1 X' Y``. The
    weight of a patch is one over its own share in its combination: about one over the variance that is left in it.

    Parameters
    ----------
    table, pilots
        Patches of the image and of the pilot, ``(candidates, values)``.
    found
        Members of each group, ``(groups, size)``.
    inside
        True for those that count, of the same shape; the first of each group does.
    """
    groups, size = found.shape
    values = table.shape[1]
    noisy = table.index_select(0, found.flatten()).view(groups, size, values)
    guide = pilots.index_select(0, found.flatten()).view(groups, size, values)
    share = (inside / inside.sum(1, keepdim=True))[:, None]  # (groups, 1, size)
    mean = share @ noisy
    guide.sub_(share @ guide).mul_(inside[..., None])
    shared = torch.bmm(guide.mT, guide)
    shared.diagonal(dim1=1, dim2=2).add_(values)
    factor = torch.linalg.cholesky(shared)
    # the inverse of so small a triangle, and a product, take half the time of solving for every patch
    one = torch.eye(values, device=table.device).expand_as(factor)
    rooted = torch.bmm(guide, torch.linalg.solve_triangular(factor, one, upper=False).mT)  # (groups, size, values)
    result = torch.baddbmm(mean, rooted, torch.bmm(rooted.mT, noisy.sub_(mean)))
    own = rooted.square_().sum(2)  # (groups, size)
    weights = inside / own.add_(share[:, 0]).clamp_(1 / size, 1)
    return result.mul_(weights[..., None]).view(-1, values), weights.flatten()


def _whitener(autocovariance: Tensor, side: int) -> Tensor | None:
    """Matrix that makes the noise of a patch, written row by row, white and of variance 1; None: it is."""
    if autocovariance.numel() == 1:
        variance = float(autocovariance)
        return None if variance == 1 else torch.eye(side * side).to(autocovariance) * variance**-0.5
    cosines = patch_matrix("dct", side).to(autocovariance)
    return cosines * coefficient_variances(lagged_covariances(autocovariance, cosines)).rsqrt()[:, None]


def _times(patches: Tensor, matrix: Tensor | None) -> Tensor:
    return patches if matrix is None else patches @ matrix.mT


def _spread(total: Tensor, count: Tensor, strip: Strip) -> tuple[Tensor, Tensor]:
    """Sums and weights of the pixels of a strip, both ``(y, x)``."""
    side = strip.layout.search.side
    size = (strip.high + side - 1, strip.wide + side - 1)
    sums = F.fold(total.mT[None], size, (side, side))[0, 0]
    ones = count.new_ones(1, 1, side, side)
    return sums, F.conv_transpose2d(count.view(1, 1, strip.high, strip.wide), ones)[0, 0]
