"""Weighted mean of all filtered patches that cover a pixel."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.patches.collaborative import Filtered


@dataclass(frozen=True, eq=False)
class Ledger:
    """What the candidates of a strip have received so far, still in the transform of a patch.

    The transform is linear: it is inverted once for each candidate, not once for each patch of each group.
    """

    sums: Tensor
    """Weighted coefficients, ``(candidates, coefficients)``."""
    weights: Tensor
    """``(candidates,)``."""

    @classmethod
    def empty(cls, table: Tensor) -> "Ledger":
        """Zeros for each row of a table of transformed patches."""
        return cls(torch.zeros_like(table), table.new_zeros(len(table)))

    def add(self, group: Tensor, filtered: Filtered) -> None:
        """Take in filtered groups at their places, rows of the table ``(size, groups)``."""
        patches = filtered.patches.mul_(filtered.weights[:, None]).flatten(0, 1)
        weights = filtered.weights.expand(group.shape).reshape(-1)
        for total, values in ((self.sums, patches), (self.weights, weights)):
            if total.is_cuda:  # index_add_ adds in any order there: other bits each time
                total.index_put_((group.reshape(-1),), values, accumulate=True)
            else:
                total.index_add_(0, group.reshape(-1), values)

    def spread(self, inverse: Tensor, window: Tensor, wide: int) -> tuple[Tensor, Tensor]:
        """Sums and weights of the pixels of the strip, both ``(y, x)``.

        Parameters
        ----------
        inverse
            Matrix back to pixels.
        window
            Weight of a pixel within its patch, ``(side, side)``.
        wide
            Candidates in a row.
        """
        side, high = len(window), len(self.sums) // wide
        size = (high + side - 1, wide + side - 1)
        pixels = (window.reshape(-1, 1) * inverse) @ self.sums.mT  # (side * side, candidates)
        sums = F.fold(pixels[None], size, (side, side))[0, 0]
        weights = F.conv_transpose2d(self.weights.view(1, 1, high, wide), window[None, None])[0, 0]
        return sums, weights
