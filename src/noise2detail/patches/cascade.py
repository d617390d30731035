"""One cascade of BM3D: group, shrink, aggregate, over a whole image."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from noise2detail.patches.aggregation import Ledger
from noise2detail.patches.collaborative import Filtered, hard_threshold, stacked, wiener
from noise2detail.patches.layout import Layout, Search, Strip
from noise2detail.patches.matching import grouped, match_row, squared_lengths
from noise2detail.patches.spectrum import coefficient_variances
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
    beta: float = 2.0
    """Of the Kaiser window with which patches are put together."""
    positions: int = 2**18
    """Candidates that are held at a time: each takes 256 bytes per channel, twice or three times."""

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
            Called after each row of cells, of which there are ``rows``; may raise.
        """
        layout = Layout(self.search, *noisy.shape[-2:])
        tools = _Tools.of(self, autocovariances.to(noisy))
        bordered = layout.bordered(noisy if pilot is None else torch.cat([noisy, pilot]))
        sums, weights = torch.zeros(2, len(noisy), *bordered.shape[1:], device=noisy.device)
        for strip in layout.strips(self.positions):
            for number, ledger in enumerate(self._strip(strip, bordered, tools, tick)):
                spread = ledger.spread(tools.inverse, tools.window, strip.wide)
                for total, part in zip((sums, weights), spread, strict=True):
                    strip.cut(total[number]).add_(part)
        reach = self.search.reach
        inside = (..., slice(reach, reach + noisy.shape[-2]), slice(reach, reach + noisy.shape[-1]))
        result: Tensor = sums[inside] / weights[inside]
        return result

    def rows(self, y: int) -> int:
        """Rows of cells in an image so high."""
        return Layout(self.search, y, y).cells(y)

    def _strip(self, strip: Strip, bordered: Tensor, tools: "_Tools", tick: Callable[[], None]) -> list[Ledger]:
        patches = [strip.patches(image) for image in bordered]
        channels = len(tools.variances)
        # the pilot is the better guide where there is one
        guide = tools.guide(patches[-channels:], self.prefilter)
        tables = [values @ tools.matrix.mT for values in patches]
        del patches
        ledgers = [Ledger.empty(table) for table in tables[:channels]]
        lengths = squared_lengths(guide, strip)
        for row in range(strip.rows):
            for group in grouped(*match_row(guide, lengths, strip, row), self.search.limit):
                for channel, ledger in enumerate(ledgers):
                    ledger.add(group, self._filtered(group, tables[channel::channels], tools, channel))
            tick()
        return ledgers

    def _filtered(self, group: Tensor, tables: list[Tensor], tools: "_Tools", channel: int) -> Filtered:
        haar, variance = tools.haar[len(group)], tools.variances[channel]
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
    variances: Tensor
    """Of the noise, ``(channel, coefficients)``."""
    metrics: Tensor
    """Makes white noise of the noise of a patch, for comparison: ``(channel, coefficients, pixels)``."""

    @classmethod
    def of(cls, cascade: Cascade, autocovariances: Tensor) -> "_Tools":
        side = cascade.search.side
        matrix, cosines = patch_matrix(cascade.transform, side), patch_matrix("dct", side)
        haar = {2**n: haar_matrix(2**n) for n in range(cascade.search.count.bit_length())}
        own, even = (
            torch.stack([coefficient_variances(one, basis.to(one)) for one in autocovariances])
            for basis in (matrix, cosines)
        )
        metrics = cosines.to(even) * even.rsqrt()[..., None]
        inverse, window = matrix.inverse().to(own), kaiser(side, cascade.beta).to(own)
        return cls(matrix.to(own), inverse, window, {n: part.to(own) for n, part in haar.items()}, own, metrics)

    def guide(self, patches: list[Tensor], prefilter: float) -> Tensor:
        """What is compared of each candidate: coefficients in units of their noise."""
        table = torch.cat(
            [values @ metric.mT for values, metric in zip(patches[:GUIDES], self.metrics, strict=False)], 1
        )
        return table.mul_(table.abs() > prefilter) if prefilter else table
