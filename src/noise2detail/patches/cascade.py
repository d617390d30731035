"""One cascade of BM3D: group, shrink, aggregate, over a whole image."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from noise2detail.patches.aggregation import Ledger
from noise2detail.patches.collaborative import Filtered, hard_threshold, stacked, wiener
from noise2detail.patches.layout import Layout, Search, Strip
from noise2detail.patches.matching import grouped, match, squared_lengths
from noise2detail.patches.spectrum import coefficient_variances, lagged_covariances, stack_variances
from noise2detail.patches.transforms import Transform, haar_matrix, kaiser, patch_matrix

GUIDES = 3
"""Channels in which patches are compared, at most."""


@dataclass(frozen=True)
class Cascade:
    """Settings of one cascade."""

    search: Search = field(default_factory=Search)
    """Patches and groups."""
    transform: Transform = "dct"
    """Of a patch."""
    factor: float = 2.7
    """Threshold, in standard deviations of a coefficient; without effect where there is a pilot."""
    prefilter: float = 0.0
    """Threshold below which a coefficient of a patch is ignored when patches are compared; 0: nothing is."""
    overlap: bool = False
    """Take into account that patches of a group which overlap share noise."""
    beta: float = 2.0
    """Of the Kaiser window with which patches are put together."""
    positions: int = 2**17
    """Candidates that are held at a time: each takes 256 bytes per channel, twice or three times. So few that their
    memory is used again for the next: asking for more costs as much time as the work on it."""

    def run(
        self, noisy: Tensor, pilot: Tensor | None, autocovariances: Tensor, tick: Callable[[], None] = lambda: None
    ) -> Tensor:
        """Filtered channels of one image ``(channel, y, x)``.

        Parameters
        ----------
        noisy
            The image, the channel with the strongest structure first.
        pilot
            First estimate of the same: Wiener filter; None: hard threshold.
        autocovariances
            Of the noise of each channel, ``(channel, lag_y, lag_x)``, all of the same total variance.
        tick
            Called after each of the ``pieces``; may raise.
        """
        layout = Layout(self.search, *noisy.shape[-2:])
        tools = _Tools.of(self, autocovariances.to(noisy))
        bordered = layout.bordered(noisy if pilot is None else torch.cat([noisy, pilot]))
        sums, weights = torch.zeros(2, len(noisy), *bordered.shape[1:], device=noisy.device)
        for strip in layout.strips(self.positions * GUIDES // max(len(noisy), GUIDES)):
            for number, ledger in enumerate(self._strip(strip, bordered, tools, tick)):
                spread = ledger.spread(tools.inverse, tools.window, strip.wide)
                for total, part in zip((sums, weights), spread, strict=True):
                    strip.cut(total[number]).add_(part)
        reach = self.search.reach
        inside = (..., slice(reach, reach + noisy.shape[-2]), slice(reach, reach + noisy.shape[-1]))
        result: Tensor = sums[inside] / weights[inside]
        return result

    def pieces(self, y: int, x: int) -> int:
        """Pieces into which an image of this size is cut."""
        return Layout(self.search, y, x).pieces

    def _strip(self, strip: Strip, bordered: Tensor, tools: "_Tools", tick: Callable[[], None]) -> list[Ledger]:
        patches = [strip.patches(image) for image in bordered]
        channels = len(tools.lagged)
        # the pilot is the better guide where there is one
        guide = tools.guide(patches[-channels:], self.prefilter)
        tables = [values @ tools.matrix.mT for values in patches]
        del patches
        ledgers = [Ledger.empty(table) for table in tables[:channels]]
        lengths = squared_lengths(guide, strip)
        for piece in strip.pieces():
            for group in grouped(*match(guide, lengths, strip, piece), self.search.limit * tools.unit):
                for channel, ledger in enumerate(ledgers):
                    haar, variance = tools.haar[len(group)], tools.variance(group, channel, strip.wide)
                    ledger.add(group, self._filtered(group, tables[channel::channels], haar, variance))
            tick()
        return ledgers

    def _filtered(self, group: Tensor, tables: list[Tensor], haar: Tensor, variance: Tensor) -> Filtered:
        spectra = [stacked(table, group, haar) for table in tables]
        if len(spectra) == 1:
            return hard_threshold(spectra[0], haar, variance, self.factor)
        return wiener(spectra[0], spectra[1], haar, variance)


@dataclass(frozen=True, eq=False)
class _Tools:
    """Every matrix of a cascade, where the image is."""

    matrix: Tensor
    """Transform of a patch."""
    inverse: Tensor
    window: Tensor
    """Weights of the pixels of a patch."""
    haar: dict[int, Tensor]
    """Transform of a stack of so many patches."""
    lagged: list[Tensor]
    """Of the noise of each channel, from ``lagged_covariances``."""
    overlap: bool
    metrics: Tensor | None
    """Makes white noise of the noise of a patch, for comparison: ``(channel, coefficients, pixels)``; None: it is."""

    @classmethod
    def of(cls, cascade: Cascade, autocovariances: Tensor) -> "_Tools":
        side = cascade.search.side
        matrix = patch_matrix(cascade.transform, side)
        haar = {2**n: haar_matrix(2**n) for n in range(cascade.search.count.bit_length())}
        lagged = [lagged_covariances(one, matrix.to(one)) for one in autocovariances]
        metrics = None
        if cascade.prefilter or autocovariances[0].numel() > 1:
            cosines = patch_matrix("dct", side).to(autocovariances)
            even = torch.stack([coefficient_variances(lagged_covariances(one, cosines)) for one in autocovariances])
            metrics = cosines * even.rsqrt()[..., None]
        parts = [part.to(autocovariances) for part in (matrix, matrix.inverse(), kaiser(side, cascade.beta))]
        stacks = {size: part.to(autocovariances) for size, part in haar.items()}
        return cls(parts[0], parts[1], parts[2], stacks, lagged, cascade.overlap, metrics)

    def variance(self, group: Tensor, channel: int, wide: int) -> Tensor:
        """Of the noise in each coefficient of groups, or of any of their patches."""
        if self.overlap and len(group) > 1:
            return stack_variances(group, wide, self.haar[len(group)], self.lagged[channel])
        return coefficient_variances(self.lagged[channel])

    @property
    def unit(self) -> float:
        """Variance of the noise in what is compared."""
        return 1.0 if self.metrics is not None else float(coefficient_variances(self.lagged[0])[0])

    def guide(self, patches: list[Tensor], prefilter: float) -> Tensor:
        """What is compared of each candidate: pixels, or coefficients in units of their noise."""
        patches = patches[:GUIDES]
        if self.metrics is not None:
            patches = [one @ metric.mT for one, metric in zip(patches, self.metrics, strict=False)]
        table = torch.cat(patches, 1) if len(patches) > 1 else patches[0]
        return table.mul_(table.abs() > prefilter) if prefilter else table
